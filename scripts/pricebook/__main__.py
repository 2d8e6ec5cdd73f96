"""
Make the price book from its sources, and say what changed.

    scripts/update_prices                    rewrite pricing/, print the difference
    scripts/update_prices --check            change nothing, exit 1 where the files are stale
    scripts/update_prices --compare-litellm  where the book and litellm's table disagree
    scripts/update_prices --fresh            forget prices that only our own files remember
    scripts/update_prices openai anthropic   only these providers

A price that changed in a source without a date is added as a price since today; the price before
it stays. Needs the packages genai-prices and litellm, for their data; llmcap needs neither.
"""

import sys
from pathlib import Path

from pricebook.cli import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2] / "pricing"))
