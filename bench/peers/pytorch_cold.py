"""From nothing to one sampled token in PyTorch: the whole process is timed."""

import torch
from measure import work
from pytorch_model import model_of

model = model_of(work).eval()
with torch.inference_mode():
    logits, _ = model(torch.zeros(1, 1, dtype=torch.long), torch.zeros(work.layers, 1, work.hidden))
    print(int(torch.multinomial(torch.softmax(logits.view(-1) / 0.8, dim=0), 1)))
