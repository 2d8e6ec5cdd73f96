"""The entry for `mitmdump -s addons/llmcap_addon.py`: lists the one addon, nothing else."""

from llmcap.addon import LLMCap

addons = [LLMCap()]
