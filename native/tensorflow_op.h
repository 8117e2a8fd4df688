// How an operation is given to TensorFlow: a declaration says every input's and output's shape, and
// from it come the checks, the shape function and the allocation.
#pragma once

#include <tensorflow/c/kernels.h>
#include <tensorflow/c/ops.h>

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "numbers.h"

namespace gru_lm {

/// One input or output, as `{"w_ih: float", "3H I"}`.
struct Argument {
  /// As TensorFlow reads it: a name and a type, `float` or `int32`, or a list `name: count *
  /// float`.
  const char* spec;
  /// One word a dimension: a letter stands for one size in the whole operation, before which there
  /// may be a factor. A `?` at the end: no elements are right, too. Of a list it is not checked.
  const char* shape;
};

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const;
};

class Call;

struct OpDeclaration {
  const char* name;
  std::vector<Argument> inputs, outputs;
  /// As TensorFlow reads them: `keep_workspace: bool`. Booleans, floats and `precision` can be
  /// asked for.
  std::vector<const char*> attributes;
  void (*compute)(Call& call);
};

/// The attribute of every operation with products of matrices.
constexpr const char* kPrecisionAttribute = "precision: {'float32', 'bfloat16'} = 'float32'";

/// A wrong argument: the message says what was expected and what was found.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What an operation's attributes are set to.
struct Attributes {
  std::map<std::string, bool> flags;
  std::map<std::string, float> numbers;
  Precision precision = Precision::kFloat32;
};

/// One run of an operation. Tensors live until it ends.
class Call {
 public:
  /// Fetches the inputs and checks their shapes; throws `ArgumentError`.
  Call(const OpDeclaration& declaration, const Attributes& attributes, TF_OpKernelContext* context);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// The size that a letter of the shapes stands for.
  int64_t Size(const char* letter) const;
  /// Sets a size that no shape tells.
  void SetSize(const char* letter, int64_t size) { sizes_[letter] = size; }
  bool Flag(const char* name) const { return attributes_.flags.at(name); }
  float Number(const char* name) const { return attributes_.numbers.at(name); }
  Precision precision() const { return attributes_.precision; }

  int InputCount() const { return static_cast<int>(inputs_.size()); }
  std::vector<int64_t> ShapeOf(int input) const;
  /// An input's elements; null where it has none.
  const float* Input(int index) const { return static_cast<const float*>(Data(index)); }
  const int32_t* IntegerInput(int index) const { return static_cast<const int32_t*>(Data(index)); }

  /// Makes an output in its declared shape.
  float* Output(int index);
  /// Makes an output of a list, in the shape of an input.
  float* OutputLike(int output, int input);
  /// Gives an input back as an output of a list; no memory is copied.
  void ForwardInput(int output, int input);
  /// Makes an optional output without elements.
  void OmitOutput(int index);

 private:
  const void* Data(int index) const;
  float* Allocate(int index, const std::vector<int64_t>& shape);

  const OpDeclaration& declaration_;
  const Attributes& attributes_;
  TF_OpKernelContext* context_;
  std::vector<std::unique_ptr<TF_Tensor, TensorDeleter>> inputs_, outputs_;
  std::map<std::string, int64_t> sizes_;
};

/// Fails unless `shape` fits the words of `pattern`; letters not yet in `sizes` are bound.
void RequireShape(const std::string& what, const std::vector<int64_t>& shape,
                  const std::string& pattern, std::map<std::string, int64_t>& sizes);

/// Fails unless `shape` is that of what it goes with.
void RequireSameShape(const std::string& what, const std::vector<int64_t>& shape,
                      const std::string& other, const std::vector<int64_t>& expected);

/// The parts of `Register`, which TensorFlow calls without a pointer to the declaration.
void* CreateKernel(const OpDeclaration& declaration, TF_OpKernelConstruction* construction);
void InferShapes(const OpDeclaration& declaration, TF_ShapeInferenceContext* context,
                 TF_Status* status);
std::string RegisterWith(const OpDeclaration& declaration,
                         void* (*create)(TF_OpKernelConstruction*),
                         void (*infer_shapes)(TF_ShapeInferenceContext*, TF_Status*));

/// Registers the operation and its kernel for the CPU. Returns what went wrong, or nothing.
template <const OpDeclaration& kDeclaration>
std::string Register() {
  return RegisterWith(
      kDeclaration,
      [](TF_OpKernelConstruction* construction) {
        return CreateKernel(kDeclaration, construction);
      },
      [](TF_ShapeInferenceContext* context, TF_Status* status) {
        InferShapes(kDeclaration, context, status);
      });
}

}  // namespace gru_lm
