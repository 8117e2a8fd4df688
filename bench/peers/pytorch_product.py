"""A product of two square float32 matrices in PyTorch."""

import torch
from measure import answer, time_steps, work

torch.set_num_threads(work.threads)
a, b = (torch.rand(work.matrixSize, work.matrixSize) for _ in range(2))

answer(time_steps(lambda _: torch.mm(a, b)), pytorch=torch.__version__)
