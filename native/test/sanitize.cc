// Drives the computing functions over many small and odd shapes, and holds their gradients against
// finite differences. It is there to be compiled with sanitizers, which see what is read and
// written where it should not be; TensorFlow is not needed. `test/native-sanitizers.test.ts` builds
// and runs it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "../generation_step.h"
#include "../gru.h"
#include "../instruction_set.h"
#include "../linear_cross_entropy.h"
#include "../lstm.h"
#include "../muon.h"
#include "../parallel.h"
#include "../running_means.h"
#include "../sparse_product.h"
#include "products.h"

namespace {

using namespace gru_lm;

/// Exactly as many elements as a tensor has, each on its own: one past the end is seen.
using Values = std::vector<float>;

uint32_t random_state = 1;

/// Uniform in ± 0.5 (xorshift32).
float Random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return static_cast<float>(random_state >> 8) / static_cast<float>(1 << 24) - 0.5f;
}

Values RandomValues(int64_t count) {
  Values values(static_cast<size_t>(count));
  for (float& value : values) value = Random();
  return values;
}

/// What is not written stays a NaN, and is found.
Values Unwritten(int64_t count) { return Values(static_cast<size_t>(count), NAN); }

void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void RequireFinite(const std::string& what, const Values& values) {
  for (const float value : values) {
    if (!std::isfinite(value)) Fail(what + " should be finite; an element is not");
  }
}

double Dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Holds `gradient` against (f(x + h) − f(x − h)) / 2h for each element of `values`.
void RequireGradient(const std::string& what, Values& values, const Values& gradient,
                     const std::function<double()>& f) {
  constexpr float h = 1.0f / 64;
  for (size_t i = 0; i < values.size(); i++) {
    const float value = values[i];
    values[i] = value + h;
    const double above = f();
    values[i] = value - h;
    const double below = f();
    values[i] = value;
    const double expected = (above - below) / (2 * h);
    if (std::abs(gradient[i] - expected) > 2e-3 * std::max(1.0, std::abs(expected))) {
      Fail(what + " at " + std::to_string(i) + " should be " + std::to_string(expected) +
           "; it is " + std::to_string(gradient[i]));
    }
  }
}

std::string NameOf(const char* op, std::initializer_list<int64_t> sizes, Precision precision) {
  std::string name = op;
  for (const int64_t size : sizes) name += " " + std::to_string(size);
  return name + (precision == Precision::kBfloat16       ? " bfloat16"
                 : precision == Precision::kRoundedFloat ? " rounded float32"
                                                         : " float32");
}

/// Two weights of unlike sizes, the second of which is one matrix.
void RunMuonUpdate(int64_t rows, int64_t columns, Precision precision) {
  std::vector<MuonWeight> weights{{3, rows, columns}, {1, columns, columns}};
  std::vector<Values> inputs, outputs;
  for (const MuonWeight& weight : weights) {
    const int64_t size = weight.count * weight.rows * weight.columns;
    for (int i = 0; i < 3; i++) inputs.push_back(RandomValues(size));
    for (int i = 0; i < 2; i++) outputs.push_back(Unwritten(size));
  }
  for (size_t i = 0; i < weights.size(); i++) {
    MuonWeight& weight = weights[i];
    weight.value = inputs[3 * i].data();
    weight.velocity = inputs[3 * i + 1].data();
    weight.gradient = inputs[3 * i + 2].data();
    weight.next_value = outputs[2 * i].data();
    weight.next_velocity = outputs[2 * i + 1].data();
  }
  MuonUpdate(weights, {0.1f, 0.95f, 0.9f, precision});
  for (const Values& output : outputs) RequireFinite("Muon's update", output);
}

void RunMoveMean(int64_t count) {
  const Values mean = RandomValues(count), value = RandomValues(count);
  Values next = Unwritten(count);
  MoveMean(mean.data(), value.data(), count, 0.1f, next.data());
  RequireFinite("a mean", next);
}

/// Every third row of the matrix is empty, and the others have one element more each.
void RunSparseProduct(int64_t rows, int64_t columns, int64_t width) {
  std::vector<int32_t> starts{0}, places;
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t i = 0; row % 3 != 1 && i <= row; i++) {
      places.push_back(static_cast<int32_t>((i * 7 + row) % columns));
    }
    starts.push_back(static_cast<int32_t>(places.size()));
  }
  const Values values = RandomValues(static_cast<int64_t>(places.size()));
  const Values table = RandomValues(columns * width);
  Values results = Unwritten(rows * width);
  SparseProduct({rows, starts.data(), places.data(), values.data()}, table.data(), width,
                results.data());
  RequireFinite("a sparse product", results);
}

struct Shape {
  int64_t steps, batch, inputs, hidden;
};

void RunGru(const Shape& shape, bool reset_after, Precision precision, bool check_gradients) {
  const auto [T, B, I, H] = shape;
  const GruSizes sizes{T, B, I, H, reset_after, precision};
  const char* op = reset_after ? "GRU" : "GRU, reset before";
  const std::string name = NameOf(op, {T, B, I, H}, precision);
  Values x = RandomValues(T * B * I), h0 = RandomValues(B * H), w = RandomValues(3 * H * I);
  Values u = RandomValues(3 * H * H), b = RandomValues(3 * H);
  Values c = RandomValues(reset_after ? 3 * H : 0);
  const GruWeights weights{w.data(), u.data(), b.data(), reset_after ? c.data() : nullptr};
  Values y = Unwritten(T * B * H), y_alone = y, gates = Unwritten(T * B * 3 * H);
  Values recurrent_n = Unwritten(reset_after ? T * B * H : 0);
  const GruWorkspace workspace{gates.data(), reset_after ? recurrent_n.data() : nullptr};
  const GruInputs inputs{x.data(), nullptr, nullptr};
  const auto forward = [&](Values& into, const GruWorkspace& kept) {
    GruForward(sizes, inputs, h0.data(), weights, into.data(), kept);
  };
  forward(y_alone, {});
  forward(y, workspace);
  if (y != y_alone) Fail(name + ": with a workspace the states should be the same; they differ");
  for (const Values* values : {&y, &gates, &recurrent_n}) RequireFinite(name, *values);

  const Values dy = RandomValues(T * B * H);
  Values dx = Unwritten(T * B * I), dh0 = Unwritten(B * H), dw = Unwritten(3 * H * I);
  Values du = Unwritten(3 * H * H), db = Unwritten(3 * H), dc = Unwritten(reset_after ? 3 * H : 0);
  GruBackward(
      sizes, inputs, h0.data(), {w.data(), u.data(), nullptr, nullptr}, y.data(), workspace,
      dy.data(),
      {dx.data(), dh0.data(), dw.data(), du.data(), db.data(), reset_after ? dc.data() : nullptr});
  for (const Values* values : {&dx, &dh0, &dw, &du, &db, &dc}) RequireFinite(name, *values);
  Values dx_alone = Unwritten(T * B * I);
  GruBackward(sizes, inputs, h0.data(), {w.data(), u.data(), nullptr, nullptr}, y.data(), workspace,
              dy.data(),
              {dx_alone.data(), dh0.data(), nullptr, nullptr, db.data(),
               reset_after ? dc.data() : nullptr});
  if (dx_alone != dx) Fail(name + ": without gradients of weights dx should be the same");

  // The same inputs as rows of a table, each of them twice, and one row that nothing reads.
  const int64_t V = (T * B + 1) / 2 + 1;
  const Values table = RandomValues(V * I);
  std::vector<int32_t> ids(T * B);
  for (int64_t i = 0; i < T * B; i++) ids[i] = static_cast<int32_t>(i / 2);
  for (int64_t i = 0; i < T * B * I; i++) x[i] = table[ids[i / I] * I + i % I];
  const GruInputs embedded{nullptr, ids.data(), table.data(), V};
  forward(y_alone, {});
  GruForward(sizes, embedded, h0.data(), weights, y.data(), workspace);
  for (int64_t i = 0; i < T * B * H; i++) {
    if (std::abs(y[i] - y_alone[i]) > 1e-4) Fail(name + ": rows of a table should be inputs");
  }
  Values d_table = Unwritten(V * I);
  GruBackward(sizes, embedded, h0.data(), {w.data(), u.data(), nullptr, nullptr}, y.data(),
              workspace, dy.data(),
              {d_table.data(), dh0.data(), dw.data(), du.data(), db.data(),
               reset_after ? dc.data() : nullptr});
  for (const Values* values : {&d_table, &dh0, &dw, &du, &db, &dc}) RequireFinite(name, *values);
  if (!check_gradients) return;
  GruBackward(
      sizes, inputs, h0.data(), {w.data(), u.data(), nullptr, nullptr}, y.data(), workspace,
      dy.data(),
      {dx.data(), dh0.data(), dw.data(), du.data(), db.data(), reset_after ? dc.data() : nullptr});
  const auto loss = [&] {
    forward(y_alone, {});
    return Dot(y_alone, dy);
  };
  RequireGradient(name + ": dx", x, dx, loss);
  RequireGradient(name + ": dh0", h0, dh0, loss);
  RequireGradient(name + ": dW", w, dw, loss);
  RequireGradient(name + ": dU", u, du, loss);
  RequireGradient(name + ": db", b, db, loss);
  RequireGradient(name + ": db'", c, dc, loss);
}

void RunLstm(const Shape& shape, Precision precision, bool check_gradients) {
  const auto [T, B, I, H] = shape;
  const LstmSizes sizes{T, B, I, H, precision};
  const std::string name = NameOf("LSTM", {T, B, I, H}, precision);
  Values x = RandomValues(T * B * I), h0 = RandomValues(B * H), c0 = RandomValues(B * H);
  Values w = RandomValues(4 * H * I), u = RandomValues(4 * H * H), b = RandomValues(4 * H);
  const Values b2 = RandomValues(4 * H);
  const LstmWeights weights{w.data(), u.data(), b.data(), b2.data()};
  Values y = Unwritten(T * B * H), y_alone = y, last = Unwritten(B * H), last_alone = last;
  Values gates = Unwritten(T * B * 4 * H), cells = Unwritten(T * B * H);
  const LstmWorkspace workspace{gates.data(), cells.data()};
  const auto forward = [&](Values& into, Values& cell, const LstmWorkspace& kept) {
    LstmForward(sizes, x.data(), h0.data(), c0.data(), weights, into.data(), cell.data(), kept);
  };
  forward(y_alone, last_alone, {});
  forward(y, last, workspace);
  if (y != y_alone || last != last_alone) {
    Fail(name + ": with a workspace the states should be the same; they differ");
  }
  for (const Values* values : {&y, &last, &gates, &cells}) RequireFinite(name, *values);

  const Values dy = RandomValues(T * B * H), d_last = RandomValues(B * H);
  Values dx = Unwritten(T * B * I), dh0 = Unwritten(B * H), dc0 = Unwritten(B * H);
  Values dw = Unwritten(4 * H * I), du = Unwritten(4 * H * H), db = Unwritten(4 * H);
  LstmBackward(sizes, x.data(), h0.data(), c0.data(), {w.data(), u.data(), nullptr, nullptr},
               y.data(), workspace, dy.data(), d_last.data(),
               {dx.data(), dh0.data(), dc0.data(), dw.data(), du.data(), db.data()});
  for (const Values* values : {&dx, &dh0, &dc0, &dw, &du, &db}) RequireFinite(name, *values);
  if (!check_gradients) return;
  const auto loss = [&] {
    forward(y_alone, last_alone, {});
    return Dot(y_alone, dy) + Dot(last_alone, d_last);
  };
  RequireGradient(name + ": dx", x, dx, loss);
  RequireGradient(name + ": dh0", h0, dh0, loss);
  RequireGradient(name + ": dc0", c0, dc0, loss);
  RequireGradient(name + ": dW", w, dw, loss);
  RequireGradient(name + ": dU", u, du, loss);
  RequireGradient(name + ": db", b, db, loss);
}

void RunLinearCrossEntropy(int64_t N, int64_t H, int64_t V, Precision precision,
                           bool check_gradients) {
  const LinearCrossEntropySizes sizes{N, H, V, precision};
  const std::string name = NameOf("output layer", {N, H, V}, precision);
  Values x = RandomValues(N * H), w = RandomValues(V * H), b = RandomValues(V);
  std::vector<int32_t> labels(static_cast<size_t>(N));
  for (size_t i = 0; i < labels.size(); i++) {
    // The first and the last, too: beside them lies what is not the row's.
    labels[i] = static_cast<int32_t>(i % 3 == 0 ? V - 1 : (i * 7 % static_cast<size_t>(V)));
  }
  Values losses = Unwritten(N), dx = Unwritten(N * H), dw = Unwritten(V * H), db = Unwritten(V);
  const auto loss = [&] {
    return static_cast<double>(
        LinearCrossEntropy(sizes, x.data(), w.data(), b.data(), labels.data(), losses.data(), {}));
  };
  const double alone = loss();
  RequireFinite(name, losses);
  const float mean = LinearCrossEntropy(sizes, x.data(), w.data(), b.data(), labels.data(),
                                        losses.data(), {dx.data(), dw.data(), db.data()});
  if (alone != mean) Fail(name + ": with gradients the loss should be the same; it differs");
  for (const Values* values : {&losses, &dx, &dw, &db}) RequireFinite(name, *values);
  if (!check_gradients) return;
  RequireGradient(name + ": dx", x, dx, loss);
  RequireGradient(name + ": dW", w, dw, loss);
  RequireGradient(name + ": db", b, db, loss);
}

void RunGenerationStep(int64_t B, int64_t layers, int64_t E, int64_t H, int64_t V,
                       bool reset_after) {
  const std::string name = NameOf("generation step", {B, layers, E, H, V}, Precision::kFloat32);
  const Values embedding = RandomValues(V * E), w_out = RandomValues(V * H);
  const Values b_out = RandomValues(V);
  const Values states = RandomValues(layers * B * H);
  GenerationModel model{V, E, H, reset_after, embedding.data(), {}, w_out.data(), b_out.data()};
  std::vector<Values> tensors;
  tensors.reserve(static_cast<size_t>(4 * layers));
  const auto tensor = [&](int64_t count) {
    return tensors.emplace_back(RandomValues(count)).data();
  };
  for (int64_t layer = 0; layer < layers; layer++) {
    const float* w = tensor(3 * H * (layer == 0 ? E : H));
    const float* u = tensor(3 * H * H);
    const float* b = tensor(3 * H);
    model.layers.push_back({w, u, b, reset_after ? tensor(3 * H) : nullptr});
  }
  std::vector<int32_t> ids(static_cast<size_t>(B));
  for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int32_t>(i % 2 == 0 ? V - 1 : 0);
  Values logits = Unwritten(B * V), new_states = Unwritten(layers * B * H);
  GenerationStep(model, B, ids.data(), states.data(), logits.data(), new_states.data());
  RequireFinite(name, logits);
  RequireFinite(name, new_states);
  // The first layer by the sequence operation.
  Values x = Unwritten(B * E), y = Unwritten(B * H);
  for (int64_t b = 0; b < B; b++) {
    for (int64_t e = 0; e < E; e++) x[b * E + e] = embedding[ids[b] * E + e];
  }
  GruForward({1, B, E, H, reset_after, Precision::kFloat32}, {x.data(), nullptr, nullptr},
             states.data(), model.layers[0], y.data(), {});
  for (int64_t i = 0; i < B * H; i++) {
    if (std::abs(y[i] - new_states[i]) > 1e-4) Fail(name + " should be a GRU's; it differs");
  }
}

/// What fails on any thread must fail the operation, and not the process.
void RequireFailureReachesCaller() {
  for (int at = 0; at < 3; at++) {
    std::string found = "nothing";
    try {
      OnThreads(3, [&](int thread, int) {
        if (thread == at) throw std::runtime_error("failure");
      });
    } catch (const std::runtime_error& error) {
      found = error.what();
    }
    if (found != "failure") Fail("a thread's failure should reach the caller; it got " + found);
  }
}

/// Sizes between which products, lanes, and shares of threads are whole or have a rest.
const std::vector<Shape> kShapes = {
    {1, 1, 1, 1},
    {1, 1, 3, 2},
    {2, 1, 1, 17},
    {3, 2, 5, 7},
    {1, 16, 16, 16},
    {4, 3, 15, 16},
    {5, 33, 17, 31},
    {2, 65, 9, 48},
    {3, 128, 20, 65},
    {2, 7, 64, 130},
    {6, 31, 1, 97},
    {9, 2, 33, 64},
    {2, 200, 3, 33},
    {1, 5, 100, 1},
    // Few streams of so many units that the threads share each step.
    {2, 7, 3, 330},
    // Many steps' W x are more than is computed at a time.
    {19, 130, 3, 150},
};

void RunAll(Precision precision) {
  RequireProducts(precision);
  for (const Shape& shape : kShapes) {
    RunGru(shape, true, precision, false);
    RunGru(shape, false, precision, false);
    RunLstm(shape, precision, false);
  }
  for (const int64_t N : {1, 2, 31, 100}) {
    for (const int64_t H : {1, 16, 33}) {
      for (const int64_t V : {1, 2, 15, 16, 47, 1025}) {
        RunLinearCrossEntropy(N, H, V, precision, false);
      }
    }
  }
  for (const int64_t rows : {1, 2, 31, 64, 130}) {
    for (const int64_t columns : {1, 3, 32, 65}) RunMuonUpdate(rows, columns, precision);
  }
  // Three blocks of rows, the last of which is smaller.
  RunLinearCrossEntropy(130, 5, 100'003, precision, false);
}

}  // namespace

/// @param arguments `bfloat16` for that alone
int main(int count, char** arguments) {
  if (count > 1 && std::string(arguments[1]) == "bfloat16") {
    if (HasInstructions(dnnl::cpu_isa::avx512_core_bf16)) RunAll(Precision::kBfloat16);
    std::puts("bfloat16 is sound");
    return 0;
  }
  RequireFailureReachesCaller();
  for (const bool reset_after : {true, false}) {
    RunGru({3, 2, 3, 4}, reset_after, Precision::kFloat32, true);
  }
  RunLstm({3, 2, 3, 4}, Precision::kFloat32, true);
  RunLinearCrossEntropy(5, 3, 6, Precision::kFloat32, true);
  RunAll(Precision::kFloat32);
  RunAll(Precision::kRoundedFloat);
  if (HasInstructions(dnnl::cpu_isa::avx512_core_bf16)) RunAll(Precision::kBfloat16);
  for (const int64_t rows : {1, 2, 90}) {
    for (const int64_t width : {1, 16, 333}) RunSparseProduct(rows, 5, width);
  }
  for (const int64_t elements : {1, 17, 100'000}) {
    RunMoveMean(elements);
  }
  for (const bool reset_after : {true, false}) {
    for (const int64_t B : {1, 2, 5}) {
      for (const int64_t layers : {1, 2, 3}) {
        RunGenerationStep(B, layers, 1, 1, 1, reset_after);
        RunGenerationStep(B, layers, 7, 19, 33, reset_after);
        RunGenerationStep(B, layers, 64, 48, 130, reset_after);
      }
    }
    // Worth several threads, whose shares are not alike.
    RunGenerationStep(2, 2, 77, 333, 1999, reset_after);
  }
  std::puts(HasInstructions(dnnl::cpu_isa::avx512_core_bf16) ? "float32 and bfloat16 are sound"
                                                             : "float32 is sound");
  return 0;
}
