#!/bin/sh
# A quantity of exactly one in a FOCUS file: is `1` a decimal for its validator?
#
# Guess: yes. FOCUS asks for a decimal, and every whole number is one; CSV has no types.
# Seen with focus-validator 2.2.1: a column of PricingQuantity whose values are all whole fails as "MUST
# be of type DECIMAL, DOUBLE, or FLOAT", for every row; the same file with `1.0` passes. The type is
# guessed from the text of the whole column, so one fractional value anywhere makes all others right.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check focus-validator==2.2.1 'pyarrow<22'
cd "$work"/venv/lib/python3*/site-packages  # its tables are found from here only
says() {
    printf 'PricingQuantity,ChargeCategory\n%s,Usage\n2.0,Usage\n' "$1" | sed "s/^2.0/$2/" >"$work/bill.csv"
    "$work/venv/bin/focus-validator" --data-file "$work/bill.csv" --validate-version 1.2.0.1 \
        --block-download 2>&1 | grep -o 'PricingQuantity-C-001-M: [A-Z]*' | head -1
}
whole=$(says 1 2)
point=$(says 1.0 2.0)
mixed=$(says 1 2.5)
echo "guess: whole numbers are decimals"
echo "1 and 2:      $whole"
echo "1.0 and 2.0:  $point"
echo "1 and 2.5:    $mixed"
case "$whole/$point/$mixed" in
*FAIL/*PASS/*PASS) ;;
*) exit 1 ;;
esac
