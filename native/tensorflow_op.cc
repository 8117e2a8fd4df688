#include "tensorflow_op.h"

#include <tensorflow/c/tf_status.h>
#include <tensorflow/c/tf_tensor.h>

#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>

#include "precision_rate.h"

namespace gru_lm {
namespace {

struct StatusDeleter {
  void operator()(TF_Status* status) const { TF_DeleteStatus(status); }
};
using Status = std::unique_ptr<TF_Status, StatusDeleter>;

Status NewStatus() { return Status(TF_NewStatus()); }

void ThrowUnlessOk(const Status& status) {
  if (TF_GetCode(status.get()) != TF_OK) throw std::runtime_error(TF_Message(status.get()));
}

/// One word of a shape: a factor and a letter.
struct Dimension {
  int64_t factor = 1;
  std::string letter;
};

struct Pattern {
  std::vector<Dimension> dimensions;
  bool optional = false;
};

Pattern Parse(std::string text) {
  Pattern pattern;
  if (!text.empty() && text.back() == '?') {
    pattern.optional = true;
    text.pop_back();
  }
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    Dimension dimension;
    size_t digits = 0;
    while (digits < word.size() && word[digits] >= '0' && word[digits] <= '9') digits++;
    if (digits > 0) dimension.factor = std::stoll(word.substr(0, digits));
    dimension.letter = word.substr(digits);
    pattern.dimensions.push_back(dimension);
  }
  return pattern;
}

std::string NameOf(const Argument& argument) {
  const std::string spec = argument.spec;
  return spec.substr(0, spec.find(':'));
}

bool IsList(const Argument& argument) {
  return std::string(argument.spec).find('*') != std::string::npos;
}

template <class Values>
std::string Bracketed(const Values& values) {
  std::ostringstream text;
  text << '[';
  const char* separator = "";
  for (const auto& value : values) {
    text << separator << value;
    separator = ", ";
  }
  text << ']';
  return text.str();
}

std::vector<int64_t> DimensionsOf(const TF_Tensor* tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t i = 0; i < shape.size(); i++) shape[i] = TF_Dim(tensor, static_cast<int>(i));
  return shape;
}

/// Operations use all threads: two at once would only be in each other's way.
std::mutex& RunMutex() {
  static std::mutex mutex;
  return mutex;
}

/// What a kernel keeps from its creation on.
struct Kernel {
  const OpDeclaration* declaration;
  Attributes attributes;
};

void Compute(void* state, TF_OpKernelContext* context) {
  const auto* kernel = static_cast<const Kernel*>(state);
  TF_Code code = TF_OK;
  std::string message = std::string(kernel->declaration->name) + ": ";
  try {
    Call call(*kernel->declaration, kernel->attributes, context);
    const std::lock_guard<std::mutex> lock(RunMutex());
    kernel->declaration->compute(call);
  } catch (const ArgumentError& error) {
    code = TF_INVALID_ARGUMENT;
    message += error.what();
  } catch (const dnnl::error& error) {
    code = TF_INTERNAL;
    message += std::string("oneDNN failed: ") + error.what();
  } catch (const std::bad_alloc&) {
    code = TF_RESOURCE_EXHAUSTED;
    message += "out of memory";
  } catch (const std::exception& error) {
    code = TF_INTERNAL;
    message += error.what();
  }
  if (code == TF_OK) return;
  const Status status = NewStatus();
  TF_SetStatus(status.get(), code, message.c_str());
  TF_OpKernelContext_Failure(context, status.get());
}

Attributes ReadAttributes(const OpDeclaration& declaration, TF_OpKernelConstruction* construction) {
  Attributes attributes;
  for (const std::string spec : declaration.attributes) {
    const std::string name = spec.substr(0, spec.find(':'));
    const Status status = NewStatus();
    if (name == "precision") {
      int32_t count = 0, size = 0;
      TF_OpKernelConstruction_GetAttrSize(construction, name.c_str(), &count, &size, status.get());
      ThrowUnlessOk(status);
      std::string value(static_cast<size_t>(size), '\0');
      TF_OpKernelConstruction_GetAttrString(construction, name.c_str(), value.data(), value.size(),
                                            status.get());
      ThrowUnlessOk(status);
      attributes.precision = value == "bfloat16" ? PrecisionOfBfloat16() : Precision::kFloat32;
    } else if (spec.find("bool") != std::string::npos) {
      TF_Bool value = 0;
      TF_OpKernelConstruction_GetAttrBool(construction, name.c_str(), &value, status.get());
      ThrowUnlessOk(status);
      attributes.flags[name] = value != 0;
    } else if (spec.find("float") != std::string::npos) {
      TF_OpKernelConstruction_GetAttrFloat(construction, name.c_str(), &attributes.numbers[name],
                                           status.get());
      ThrowUnlessOk(status);
    }
  }
  return attributes;
}

/// The first input with a dimension of this word, and where in its shape; false if there is none.
bool FindDimension(const OpDeclaration& declaration, const Dimension& wanted, int* input,
                   int* dimension) {
  for (size_t i = 0; i < declaration.inputs.size(); i++) {
    if (IsList(declaration.inputs[i])) return false;  // what follows has no fixed place
    const Pattern pattern = Parse(declaration.inputs[i].shape);
    if (pattern.optional) continue;
    for (size_t d = 0; d < pattern.dimensions.size(); d++) {
      if (pattern.dimensions[d].letter != wanted.letter ||
          pattern.dimensions[d].factor != wanted.factor) {
        continue;
      }
      *input = static_cast<int>(i);
      *dimension = static_cast<int>(d);
      return true;
    }
  }
  return false;
}

struct ShapeDeleter {
  void operator()(TF_ShapeHandle* shape) const { TF_DeleteShapeHandle(shape); }
};
using Shape = std::unique_ptr<TF_ShapeHandle, ShapeDeleter>;

/// The shape of an output from the inputs' dimensions; null where they do not tell it.
Shape InferOutput(const OpDeclaration& declaration, const Pattern& pattern,
                  TF_ShapeInferenceContext* context, const Status& status) {
  Shape shape(TF_ShapeInferenceContextScalar(context));
  for (const Dimension& wanted : pattern.dimensions) {
    int input, dimension;
    if (!FindDimension(declaration, wanted, &input, &dimension)) return nullptr;
    const Shape from(TF_NewShapeHandle()), word(TF_NewShapeHandle());
    Shape longer(TF_NewShapeHandle());
    TF_ShapeInferenceContextGetInput(context, input, from.get(), status.get());
    if (TF_GetCode(status.get()) != TF_OK) return nullptr;
    if (!TF_ShapeInferenceContextRankKnown(context, from.get())) return nullptr;
    TF_ShapeInferenceContextSubshape(context, from.get(), dimension, dimension + 1, word.get(),
                                     status.get());
    if (TF_GetCode(status.get()) != TF_OK) return nullptr;
    TF_ShapeInferenceContextConcatenateShapes(context, shape.get(), word.get(), longer.get(),
                                              status.get());
    if (TF_GetCode(status.get()) != TF_OK) return nullptr;
    shape = std::move(longer);
  }
  return shape;
}

}  // namespace

void RequireShape(const std::string& what, const std::vector<int64_t>& shape,
                  const std::string& pattern_text, std::map<std::string, int64_t>& sizes) {
  const Pattern pattern = Parse(pattern_text);
  std::vector<std::string> words, expected;
  bool fits = shape.size() == pattern.dimensions.size();
  bool is_empty = false;
  for (const int64_t size : shape) is_empty = is_empty || size == 0;
  if (pattern.optional && is_empty) return;
  for (size_t i = 0; i < pattern.dimensions.size(); i++) {
    const auto& [factor, letter] = pattern.dimensions[i];
    words.push_back((factor == 1 ? "" : std::to_string(factor)) + letter);
    const auto known = sizes.find(letter);
    if (known != sizes.end()) {
      expected.push_back(std::to_string(factor * known->second));
      fits = fits && i < shape.size() && shape[i] == factor * known->second;
    } else {
      expected.push_back(words.back());
      const bool divides = i < shape.size() && shape[i] > 0 && shape[i] % factor == 0;
      fits = fits && divides;
      if (divides) sizes[letter] = shape[i] / factor;
    }
  }
  if (fits) return;
  throw ArgumentError(what + " should be " + Bracketed(words) + " = " + Bracketed(expected) +
                      "; it is " + Bracketed(shape));
}

void RequireSameShape(const std::string& what, const std::vector<int64_t>& shape,
                      const std::string& other, const std::vector<int64_t>& expected) {
  if (shape == expected) return;
  throw ArgumentError(what + " should have the shape of " + other + ", " + Bracketed(expected) +
                      "; it is " + Bracketed(shape));
}

void TensorDeleter::operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }

Call::Call(const OpDeclaration& declaration, const Attributes& attributes,
           TF_OpKernelContext* context)
    : declaration_(declaration), attributes_(attributes), context_(context) {
  const int count = TF_NumInputs(context);
  for (int i = 0; i < count; i++) {
    const Status status = NewStatus();
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context, i, &tensor, status.get());
    ThrowUnlessOk(status);
    inputs_.emplace_back(tensor);
  }
  for (size_t i = 0; i < declaration.inputs.size(); i++) {
    if (IsList(declaration.inputs[i])) break;
    RequireShape(NameOf(declaration.inputs[i]), ShapeOf(static_cast<int>(i)),
                 declaration.inputs[i].shape, sizes_);
  }
}

int64_t Call::Size(const char* letter) const { return sizes_.at(letter); }

std::vector<int64_t> Call::ShapeOf(int input) const {
  return DimensionsOf(inputs_.at(input).get());
}

const void* Call::Data(int index) const {
  TF_Tensor* tensor = inputs_.at(index).get();
  return TF_TensorElementCount(tensor) > 0 ? TF_TensorData(tensor) : nullptr;
}

float* Call::Output(int index) {
  std::vector<int64_t> shape;
  for (const auto& [factor, letter] : Parse(declaration_.outputs[index].shape).dimensions) {
    shape.push_back(factor * sizes_.at(letter));
  }
  return Allocate(index, shape);
}

void Call::OmitOutput(int index) {
  Allocate(index,
           std::vector<int64_t>(Parse(declaration_.outputs[index].shape).dimensions.size(), 0));
}

float* Call::OutputLike(int output, int input) { return Allocate(output, ShapeOf(input)); }

void Call::ForwardInput(int output, int input) {
  const Status status = NewStatus();
  TF_SetOutput(context_, output, inputs_.at(input).get(), status.get());
  ThrowUnlessOk(status);
}

float* Call::Allocate(int index, const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  const Status status = NewStatus();
  TF_Tensor* tensor =
      TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                        static_cast<size_t>(count) * sizeof(float), status.get());
  ThrowUnlessOk(status);
  outputs_.emplace_back(tensor);
  return static_cast<float*>(TF_TensorData(tensor));
}

void* CreateKernel(const OpDeclaration& declaration, TF_OpKernelConstruction* construction) {
  try {
    return new Kernel{&declaration, ReadAttributes(declaration, construction)};
  } catch (const std::exception& error) {
    const Status status = NewStatus();
    const std::string message = std::string(declaration.name) + ": " + error.what();
    TF_SetStatus(status.get(), TF_INTERNAL, message.c_str());
    TF_OpKernelConstruction_Failure(construction, status.get());
    return nullptr;
  }
}

void InferShapes(const OpDeclaration& declaration, TF_ShapeInferenceContext* context,
                 TF_Status* failure) {
  for (size_t i = 0; i < declaration.outputs.size(); i++) {
    const Status status = NewStatus();
    const Pattern pattern = Parse(declaration.outputs[i].shape);
    const Shape shape =
        pattern.optional ? nullptr : InferOutput(declaration, pattern, context, status);
    if (shape == nullptr) continue;  // TensorFlow takes it as unknown
    TF_ShapeInferenceContextSetOutput(context, static_cast<int>(i), shape.get(), failure);
  }
}

std::string RegisterWith(const OpDeclaration& declaration,
                         void* (*create)(TF_OpKernelConstruction*),
                         void (*infer_shapes)(TF_ShapeInferenceContext*, TF_Status*)) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(declaration.name);
  for (const char* attribute : declaration.attributes) {
    TF_OpDefinitionBuilderAddAttr(definition, attribute);
  }
  for (const Argument& input : declaration.inputs) {
    TF_OpDefinitionBuilderAddInput(definition, input.spec);
  }
  for (const Argument& output : declaration.outputs) {
    TF_OpDefinitionBuilderAddOutput(definition, output.spec);
  }
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, infer_shapes);
  const Status status = NewStatus();
  TF_RegisterOpDefinition(definition, status.get());
  if (TF_GetCode(status.get()) == TF_OK) {
    TF_KernelBuilder* kernel =
        TF_NewKernelBuilder(declaration.name, "CPU", create, Compute,
                            [](void* state) { delete static_cast<Kernel*>(state); });
    TF_RegisterKernelBuilder(declaration.name, kernel, status.get());
  }
  if (TF_GetCode(status.get()) == TF_OK) return {};
  return std::string(declaration.name) + ": " + TF_Message(status.get());
}

}  // namespace gru_lm
