#!/bin/sh
# Does `focus-validator` check a file from any folder, once it is installed?
#
# Guess: yes; a command finds its own data beside its own modules.
# Seen with focus-validator 2.2.1: a file with the column BillingCurrency ends it with a traceback, as it
# opens `focus_validator/rules/currency_codes.csv` from the folder that it was started in. Started in
# site-packages, the same file is checked.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check focus-validator==2.2.1 'pyarrow<22'
printf 'BilledCost,BillingCurrency\n1.5,USD\n' >"$work/bill.csv"
check() {
    "$work/venv/bin/focus-validator" --data-file "$work/bill.csv" --validate-version 1.2.0.1 \
        --block-download >"$work/said" 2>&1 && tail -1 "$work/said" || tail -1 "$work/said"
}
cd "$work"
elsewhere=$(check)
cd "$work"/venv/lib/python3*/site-packages
beside=$(check)
echo "guess: the same in both"
echo "started anywhere:          $elsewhere"
echo "started in site-packages:  $beside"
case "$elsewhere" in *FileNotFoundError*currency_codes.csv*) ;; *) exit 1 ;; esac
case "$beside" in *FileNotFoundError*) exit 1 ;; esac
