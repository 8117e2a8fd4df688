#include "operations.h"

#include <cmath>
#include <mutex>

#include "clip.h"
#include "generation_step.h"
#include "gru.h"
#include "linear_cross_entropy.h"
#include "lstm.h"
#include "muon.h"
#include "running_means.h"
#include "sparse_product.h"
#include "tensorflow_op.h"

namespace gru_lm {
namespace {

// Letters of the shapes: T steps, B streams, I inputs, H hidden units, V tokens in the vocabulary,
// E the embedding's size, L layers, N rows, or elements of a sparse matrix, R its rows.

GruSizes GruSizesOf(const Call& call) {
  return {call.Size("T"), call.Size("B"),           call.Size("I"),
          call.Size("H"), call.Flag("reset_after"), call.precision()};
}

/// The shapes leave the second bias out where they may: only reset-after has one.
void RequireBias(bool reset_after, const float* recurrent_bias) {
  if (reset_after == (recurrent_bias != nullptr)) return;
  throw ArgumentError(reset_after
                          ? "b_hh should be [3H] with reset_after; it has no elements"
                          : "b_hh should have no elements without reset_after; it has some");
}

/// Reading past a table would be worse than any message.
void RequireIds(const char* what, const int32_t* ids, int64_t count, int64_t vocabulary) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] >= 0 && ids[i] < vocabulary) continue;
    throw ArgumentError(std::string(what) + " should be in [0, V) = [0, " +
                        std::to_string(vocabulary) + "); at " + std::to_string(i) + " is " +
                        std::to_string(ids[i]));
  }
}

/// The inputs of an embedded layer: ids [N], of which T·B make the steps, and their table.
GruInputs EmbeddedInputsOf(Call& call, int ids, int table) {
  const int64_t N = call.Size("N"), B = call.Size("B"), V = call.Size("V");
  if (N % B != 0) {
    throw ArgumentError("ids should be [T·B], a multiple of B = " + std::to_string(B) +
                        "; it is [" + std::to_string(N) + "]");
  }
  RequireIds("ids", call.IntegerInput(ids), N, V);
  call.SetSize("T", N / B);
  return {nullptr, call.IntegerInput(ids), call.Input(table), V};
}

/// Runs a layer forward whose h0, w_ih, w_hh, b_ih, b_hh are the inputs from `first` on.
void RunGruForward(Call& call, const GruInputs& inputs, int first) {
  const bool reset_after = call.Flag("reset_after"), keep = call.Flag("keep_workspace");
  RequireBias(reset_after, call.Input(first + 4));
  float* y = call.Output(0);
  GruWorkspace workspace{};
  if (keep) {
    workspace.gates = call.Output(1);
  } else {
    call.OmitOutput(1);
  }
  if (keep && reset_after) {
    workspace.recurrent_n = call.Output(2);
  } else {
    call.OmitOutput(2);
  }
  const GruWeights weights{call.Input(first + 1), call.Input(first + 2), call.Input(first + 3),
                           call.Input(first + 4)};
  GruForward(GruSizesOf(call), inputs, call.Input(first), weights, y, workspace);
}

/// The gradients of W and U as the outputs `first` and the one after it, if they are wanted.
void WeightGradients(Call& call, int first, float*& inputs, float*& recurrent) {
  if (call.Flag("weight_gradients")) {
    inputs = call.Output(first);
    recurrent = call.Output(first + 1);
  } else {
    call.OmitOutput(first);
    call.OmitOutput(first + 1);
  }
}

/// Runs a layer's gradient whose h0, w_ih, w_hh, y, gates, recurrent_n, dy are the inputs from
/// `first` on.
void RunGruBackward(Call& call, const GruInputs& inputs, int first) {
  const bool reset_after = call.Flag("reset_after");
  if (reset_after && call.Input(first + 5) == nullptr) {
    throw ArgumentError("recurrent_n should be [T, B, H] with reset_after; it has no elements");
  }
  GruGradients gradients{call.Output(0), call.Output(1), nullptr, nullptr, call.Output(4), nullptr};
  WeightGradients(call, 2, gradients.inputs, gradients.recurrent);
  if (reset_after) {
    gradients.recurrent_bias = call.Output(5);
  } else {
    call.OmitOutput(5);
  }
  // The gradient reads the workspace only.
  const GruWorkspace workspace{const_cast<float*>(call.Input(first + 4)),
                               const_cast<float*>(call.Input(first + 5))};
  GruBackward(GruSizesOf(call), inputs, call.Input(first),
              {call.Input(first + 1), call.Input(first + 2), nullptr, nullptr},
              call.Input(first + 3), workspace, call.Input(first + 6), gradients);
}

const OpDeclaration kGruForward{
    "GruLmGruForward",
    {{"x: float", "T B I"},
     {"h0: float", "B H"},
     {"w_ih: float", "3H I"},
     {"w_hh: float", "3H H"},
     {"b_ih: float", "3H"},
     {"b_hh: float", "3H?"}},
    {{"y: float", "T B H"}, {"gates: float", "T B 3H?"}, {"recurrent_n: float", "T B H?"}},
    {"reset_after: bool", "keep_workspace: bool", kPrecisionAttribute},
    [](Call& call) { RunGruForward(call, {call.Input(0), nullptr, nullptr}, 1); }};

const OpDeclaration kGruBackward{
    "GruLmGruBackward",
    {{"x: float", "T B I"},
     {"h0: float", "B H"},
     {"w_ih: float", "3H I"},
     {"w_hh: float", "3H H"},
     {"y: float", "T B H"},
     {"gates: float", "T B 3H"},
     {"recurrent_n: float", "T B H?"},
     {"dy: float", "T B H"}},
    {{"dx: float", "T B I"},
     {"dh0: float", "B H"},
     {"dw_ih: float", "3H I?"},
     {"dw_hh: float", "3H H?"},
     {"db_ih: float", "3H"},
     {"db_hh: float", "3H?"}},
    {"reset_after: bool", "weight_gradients: bool", kPrecisionAttribute},
    [](Call& call) { RunGruBackward(call, {call.Input(0), nullptr, nullptr}, 1); }};

const OpDeclaration kEmbeddedGruForward{
    "GruLmEmbeddedGruForward",
    {{"ids: int32", "N"},
     {"table: float", "V I"},
     {"h0: float", "B H"},
     {"w_ih: float", "3H I"},
     {"w_hh: float", "3H H"},
     {"b_ih: float", "3H"},
     {"b_hh: float", "3H?"}},
    {{"y: float", "T B H"}, {"gates: float", "T B 3H?"}, {"recurrent_n: float", "T B H?"}},
    {"reset_after: bool", "keep_workspace: bool", kPrecisionAttribute},
    [](Call& call) { RunGruForward(call, EmbeddedInputsOf(call, 0, 1), 2); }};

const OpDeclaration kEmbeddedGruBackward{
    "GruLmEmbeddedGruBackward",
    {{"ids: int32", "N"},
     {"table: float", "V I"},
     {"h0: float", "B H"},
     {"w_ih: float", "3H I"},
     {"w_hh: float", "3H H"},
     {"y: float", "T B H"},
     {"gates: float", "T B 3H"},
     {"recurrent_n: float", "T B H?"},
     {"dy: float", "T B H"}},
    {{"d_table: float", "V I"},
     {"dh0: float", "B H"},
     {"dw_ih: float", "3H I?"},
     {"dw_hh: float", "3H H?"},
     {"db_ih: float", "3H"},
     {"db_hh: float", "3H?"}},
    {"reset_after: bool", "weight_gradients: bool", kPrecisionAttribute},
    [](Call& call) { RunGruBackward(call, EmbeddedInputsOf(call, 0, 1), 2); }};

LstmSizes LstmSizesOf(const Call& call) {
  return {call.Size("T"), call.Size("B"), call.Size("I"), call.Size("H"), call.precision()};
}

const OpDeclaration kLstmForward{
    "GruLmLstmForward",
    {{"x: float", "T B I"},
     {"h0: float", "B H"},
     {"c0: float", "B H"},
     {"w_ih: float", "4H I"},
     {"w_hh: float", "4H H"},
     {"b_ih: float", "4H"},
     {"b_hh: float", "4H"}},
    {{"y: float", "T B H"},
     {"final_cell: float", "B H"},
     {"gates: float", "T B 4H?"},
     {"cells: float", "T B H?"}},
    {"keep_workspace: bool", kPrecisionAttribute},
    [](Call& call) {
      float *y = call.Output(0), *final_cell = call.Output(1);
      LstmWorkspace workspace{};
      if (call.Flag("keep_workspace")) {
        workspace = {call.Output(2), call.Output(3)};
      } else {
        call.OmitOutput(2);
        call.OmitOutput(3);
      }
      LstmForward(LstmSizesOf(call), call.Input(0), call.Input(1), call.Input(2),
                  {call.Input(3), call.Input(4), call.Input(5), call.Input(6)}, y, final_cell,
                  workspace);
    }};

const OpDeclaration kLstmBackward{
    "GruLmLstmBackward",
    {{"x: float", "T B I"},
     {"h0: float", "B H"},
     {"c0: float", "B H"},
     {"w_ih: float", "4H I"},
     {"w_hh: float", "4H H"},
     {"y: float", "T B H"},
     {"gates: float", "T B 4H"},
     {"cells: float", "T B H"},
     {"dy: float", "T B H"},
     {"d_final_cell: float", "B H"}},
    {{"dx: float", "T B I"},
     {"dh0: float", "B H"},
     {"dc0: float", "B H"},
     {"dw_ih: float", "4H I?"},
     {"dw_hh: float", "4H H?"},
     {"db: float", "4H"}},
    {"weight_gradients: bool", kPrecisionAttribute},
    [](Call& call) {
      LstmGradients gradients{call.Output(0), call.Output(1), call.Output(2),
                              nullptr,        nullptr,        call.Output(5)};
      WeightGradients(call, 3, gradients.inputs, gradients.recurrent);
      const LstmWorkspace workspace{const_cast<float*>(call.Input(6)),
                                    const_cast<float*>(call.Input(7))};
      LstmBackward(LstmSizesOf(call), call.Input(0), call.Input(1), call.Input(2),
                   {call.Input(3), call.Input(4), nullptr, nullptr}, call.Input(5), workspace,
                   call.Input(8), call.Input(9), gradients);
    }};

const OpDeclaration kLinearCrossEntropy{
    "GruLmLinearCrossEntropy",
    {{"features: float", "N H"},
     {"weight: float", "V H"},
     {"bias: float", "V"},
     {"labels: int32", "N"}},
    {{"loss: float", ""},
     {"losses: float", "N"},
     {"d_features: float", "N H?"},
     {"d_weight: float", "V H?"},
     {"d_bias: float", "V?"}},
    {"with_gradient: bool", kPrecisionAttribute},
    [](Call& call) {
      const int64_t N = call.Size("N"), V = call.Size("V");
      RequireIds("labels", call.IntegerInput(3), N, V);
      float *loss = call.Output(0), *losses = call.Output(1);
      LinearCrossEntropyGradients gradients{};
      if (call.Flag("with_gradient")) {
        gradients = {call.Output(2), call.Output(3), call.Output(4)};
      } else {
        for (int output = 2; output < 5; output++) call.OmitOutput(output);
      }
      *loss =
          LinearCrossEntropy({N, call.Size("H"), V, call.precision()}, call.Input(0), call.Input(1),
                             call.Input(2), call.IntegerInput(3), losses, gradients);
    }};

constexpr int kTensorsALayer = 4;

const OpDeclaration kGenerationStep{
    "GruLmGenerationStep",
    {{"ids: int32", "B"},
     {"states: float", "L B H"},
     {"embedding: float", "V E"},
     {"output_weight: float", "V H"},
     {"output_bias: float", "V"},
     // w_ih [3H, I], w_hh [3H, H], b_ih [3H], b_hh [3H] of each layer; without reset_after b_hh is
     // empty
     {"layers: layer_tensors * float", ""}},
    {{"log_probabilities: float", "B V"}, {"new_states: float", "L B H"}},
    {"layer_tensors: int >= 4", "reset_after: bool"},
    [](Call& call) {
      const int64_t V = call.Size("V"), E = call.Size("E"), H = call.Size("H");
      const int first = 5;
      const int64_t expected = call.Size("L") * kTensorsALayer;
      if (call.InputCount() - first != expected) {
        throw ArgumentError("layers should be 4L = " + std::to_string(expected) +
                            " tensors; they are " + std::to_string(call.InputCount() - first));
      }
      RequireIds("ids", call.IntegerInput(0), call.Size("B"), V);
      GenerationModel model{
          V, E, H, call.Flag("reset_after"), call.Input(2), {}, call.Input(3), call.Input(4)};
      for (int64_t layer = 0; layer < call.Size("L"); layer++) {
        const int at = first + static_cast<int>(layer) * kTensorsALayer;
        std::map<std::string, int64_t> sizes{{"H", H}, {"I", layer == 0 ? E : H}};
        const char* shapes[] = {"3H I", "3H H", "3H", "3H?"};
        const char* names[] = {"w_ih", "w_hh", "b_ih", "b_hh"};
        for (int i = 0; i < kTensorsALayer; i++) {
          RequireShape(std::string(names[i]) + " of layer " + std::to_string(layer),
                       call.ShapeOf(at + i), shapes[i], sizes);
        }
        RequireBias(model.reset_after, call.Input(at + 3));
        model.layers.push_back(
            {call.Input(at), call.Input(at + 1), call.Input(at + 2), call.Input(at + 3)});
      }
      GenerationStep(model, call.Size("B"), call.IntegerInput(0), call.Input(1), call.Output(0),
                     call.Output(1));
    }};

int64_t ElementsOf(const Call& call, int input) {
  int64_t product = 1;
  for (const int64_t dimension : call.ShapeOf(input)) product *= dimension;
  return product;
}

const OpDeclaration kClipByGlobalNorm{
    "GruLmClipByGlobalNorm",
    {{"gradients: count * float", ""}},
    {{"norm: float", ""}, {"clipped: count * float", ""}},
    {"count: int >= 1", "limit: float"},
    [](Call& call) {
      const auto size = [&](int input) { return ElementsOf(call, input); };
      double sum = 0;
      for (int i = 0; i < call.InputCount(); i++) sum += SumOfSquares(call.Input(i), size(i));
      const double norm = std::sqrt(sum), limit = call.Number("limit");
      *call.Output(0) = static_cast<float>(norm);
      const bool clips = limit > 0 && norm > limit;
      const float scale = static_cast<float>(limit / norm);
      for (int i = 0; i < call.InputCount(); i++) {
        if (clips) {
          Scale(call.Input(i), size(i), scale, call.OutputLike(i + 1, i));
        } else {
          call.ForwardInput(i + 1, i);
        }
      }
    }};

const OpDeclaration kMuonUpdate{
    "GruLmMuonUpdate",
    {{"rate: float", ""},
     {"kept: float", ""},
     {"gates: int32", "N"},
     {"values: count * float", ""},
     {"velocities: count * float", ""},
     {"gradients: count * float", ""}},
    {{"next_values: count * float", ""}, {"next_velocities: count * float", ""}},
    {"count: int >= 1", "momentum: float", kPrecisionAttribute},
    [](Call& call) {
      constexpr int kFirst = 3;
      const int count = (call.InputCount() - kFirst) / 3;
      if (call.Size("N") != count) {
        throw ArgumentError("gates should be [count] = [" + std::to_string(count) + "]; it is [" +
                            std::to_string(call.Size("N")) + "]");
      }
      std::vector<MuonWeight> weights;
      for (int i = 0; i < count; i++) {
        const int value = kFirst + i, velocity = value + count, gradient = velocity + count;
        std::map<std::string, int64_t> sizes;
        RequireShape("value", call.ShapeOf(value), "R C", sizes);
        RequireShape("velocity", call.ShapeOf(velocity), "R C", sizes);
        RequireShape("gradient", call.ShapeOf(gradient), "R C", sizes);
        const int64_t gates = call.IntegerInput(2)[i], rows = sizes["R"];
        if (gates < 1 || rows % gates != 0) {
          throw ArgumentError("gates should divide R = " + std::to_string(rows) + "; they are " +
                              std::to_string(gates));
        }
        weights.push_back({gates, rows / gates, sizes["C"], call.Input(value),
                           call.Input(velocity), call.Input(gradient), call.OutputLike(i, value),
                           call.OutputLike(count + i, value)});
      }
      MuonUpdate(weights, {*call.Input(0), call.Number("momentum"), *call.Input(1),
                           call.precision()});
    }};

const OpDeclaration kMoveMeans{
    "GruLmMoveMeans",
    {{"share: float", ""}, {"means: count * float", ""}, {"values: count * float", ""}},
    {{"next_means: count * float", ""}},
    {"count: int >= 1"},
    [](Call& call) {
      const int count = (call.InputCount() - 1) / 2;
      for (int i = 0; i < count; i++) {
        const int mean = 1 + i, value = mean + count;
        RequireSameShape("value " + std::to_string(i), call.ShapeOf(value), "its mean",
                         call.ShapeOf(mean));
        MoveMean(call.Input(mean), call.Input(value), ElementsOf(call, mean), *call.Input(0),
                 call.OutputLike(i, mean));
      }
    }};

/// The matrix of the inputs `first` and the two after it; all places are in what there is.
SparseMatrix SparseMatrixOf(Call& call, int first, int64_t columns) {
  const int64_t rows = call.Size("S") - 1, N = call.Size("N");
  const int32_t* starts = call.IntegerInput(first);
  bool ascends = rows >= 0 && starts[0] == 0 && starts[rows] == N;
  for (int64_t row = 0; ascends && row < rows; row++) ascends = starts[row] <= starts[row + 1];
  if (!ascends) {
    throw ArgumentError("starts should ascend from 0 to N = " + std::to_string(N) +
                        "; they do not");
  }
  RequireIds("columns", call.IntegerInput(first + 1), N, columns);
  call.SetSize("R", rows);
  return {rows, starts, call.IntegerInput(first + 1), call.Input(first + 2)};
}

const OpDeclaration kSparseProduct{
    "GruLmSparseProduct",
    {{"starts: int32", "S"},
     {"columns: int32", "N"},
     {"values: float", "N"},
     {"table: float", "V E"}},
    {{"product: float", "R E"}},
    {},
    [](Call& call) {
      const SparseMatrix matrix = SparseMatrixOf(call, 0, call.Size("V"));
      SparseProduct(matrix, call.Input(3), call.Size("E"), call.Output(0));
    }};

}  // namespace

std::string RegisterOperations() {
  static std::once_flag once;
  static std::string failure;
  std::call_once(once, [] {
    for (const auto& attempt :
         {Register<kGruForward>, Register<kGruBackward>, Register<kEmbeddedGruForward>,
          Register<kEmbeddedGruBackward>, Register<kLstmForward>, Register<kLstmBackward>,
          Register<kLinearCrossEntropy>, Register<kGenerationStep>, Register<kClipByGlobalNorm>,
          Register<kMuonUpdate>, Register<kMoveMeans>, Register<kSparseProduct>}) {
      if (failure.empty()) failure = attempt();
    }
  });
  return failure;
}

}  // namespace gru_lm
