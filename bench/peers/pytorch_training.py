"""A training step in PyTorch: cross-entropy, clipping by global norm, Adam, state carried on."""

import torch
from measure import answer, time_steps, work
from pytorch_model import model_of
from torch import nn

WINDOWS = 16

device = torch.device("cuda" if work.backend == "cuda" else "cpu")
# As gru-lm, whose float32 is float32; PyTorch's own default rounds inside cuDNN.
torch.backends.cudnn.allow_tf32 = False

model = model_of(work).to(device)
parameters = list(model.parameters())
optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
criterion = nn.CrossEntropyLoss()
windows = torch.randint(0, work.vocabulary, (WINDOWS, work.steps + 1, work.batch), device=device)
state = torch.zeros(work.layers, work.batch, work.hidden, device=device)


def train_step(i):
    global state
    window = windows[i % WINDOWS]
    optimizer.zero_grad()
    logits, after = model(window[:-1], state)
    loss = criterion(logits.view(-1, work.vocabulary), window[1:].reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    state = after.detach()
    return loss.item()


answer(time_steps(train_step), pytorch=torch.__version__)
