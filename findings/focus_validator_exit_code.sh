#!/bin/sh
# A validator of bills, in a pipeline: what does `focus-validator` exit with, where rules have failed?
#
# Guess: with something else than 0, as every checker does that CI can use.
# Seen with focus-validator 2.2.1 (FOCUS 1.2, the rules that it brings): 0. Only its text says `Fail: 1`
# or more; a pipeline that asks for the exit code takes every file.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check focus-validator==2.2.1 'pyarrow<22'
printf 'BilledCost,BillingCurrency\n1.5,USD\n' >"$work/bill.csv"  # most mandatory columns are missing
cd "$work"/venv/lib/python3*/site-packages  # its tables are found from here only
status=0
"$work/venv/bin/focus-validator" --data-file "$work/bill.csv" --validate-version 1.2.0.1 \
    --block-download >"$work/said" 2>&1 || status=$?
failed=$(sed -n 's/.*Fail: \([0-9]*\).*/\1/p' "$work/said" | tail -1)
echo "guess: an exit code other than 0"
echo "focus-validator $("$work/venv/bin/pip" show focus-validator 2>/dev/null | sed -n 's/^Version: //p'):" \
    "$failed rules failed, exit code $status"
[ "$status" = 0 ] && [ "${failed:-0}" -gt 0 ]
