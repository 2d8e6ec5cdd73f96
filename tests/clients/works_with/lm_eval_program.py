"""lm-eval: a task of one question, from a file."""

import json
import os
import sys
from pathlib import Path

Path("task.jsonl").write_text(json.dumps({"q": "Say hello.", "a": "Hello."}), encoding="utf-8")
Path("greeting.yaml").write_text(
    f"""\
task: greeting
dataset_path: json
dataset_kwargs: {{data_files: {{test: {Path("task.jsonl").resolve()}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{q}}}}"
doc_to_target: "{{{{a}}}}"
generation_kwargs: {{until: ["."]}}
metric_list: [{{metric: exact_match}}]
""",
    encoding="utf-8",
)
lm_eval = str(Path(sys.executable).with_name("lm_eval"))
model = ("--model", "openai-chat-completions", "--model_args", "model=gpt-4o-mini,num_concurrent=1")
task = ("--tasks", "greeting", "--include_path", ".", "--apply_chat_template")
os.execv(lm_eval, [lm_eval, *model, *task])
