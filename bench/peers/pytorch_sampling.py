"""Sampling in PyTorch, one token at a time; a step is a block of tokens."""

import torch
from measure import answer, time_steps, work
from pytorch_model import model_of

model = model_of(work).eval()
token = torch.zeros(1, 1, dtype=torch.long)
state = torch.zeros(work.layers, 1, work.hidden)


@torch.inference_mode()
def sample_block(_):
    global token, state
    for _ in range(work.tokensPerStep):
        logits, state = model(token, state)
        probabilities = torch.softmax(logits.view(-1) / 0.8, dim=0)
        token = torch.multinomial(probabilities, 1).view(1, 1)
        int(token)


answer(time_steps(sample_block), pytorch=torch.__version__)
