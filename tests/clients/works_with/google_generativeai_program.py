"""Google's first package for Gemini: google_generativeai_program.py whole|stream rest|grpc."""

import os
import sys

import google.generativeai as genai

how, transport = sys.argv[1:]
genai.configure(api_key=os.environ["GEMINI_API_KEY"], transport=transport)
model = genai.GenerativeModel("gemini-2.5-flash")
answer = model.generate_content("Say hello.", stream=how == "stream")
print([part.text for part in answer])
