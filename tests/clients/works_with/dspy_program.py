"""DSPy: dspy_program.py MODEL."""

import sys

import dspy

dspy.configure(lm=dspy.LM(sys.argv[1], cache=False))
print(dspy.Predict("question -> answer")(question="Say hello."))
