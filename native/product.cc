#include "product.h"

#include <array>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "operand.h"
#include "parallel.h"
#include "tile_product.h"

namespace gru_lm {

using dnnl::memory;
using Key = std::array<int64_t, 8>;

struct CompiledProduct {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
};

namespace {

/// How many compiled products are kept: several models' worth of shapes.
constexpr size_t kKept = 256;

dnnl::engine& Engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& Stream() {
  thread_local dnnl::stream stream(Engine());
  return stream;
}

memory::data_type TypeOf(Precision precision) {
  return precision == Precision::kBfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc Plain(int64_t rows, int64_t columns, memory::data_type type) {
  return memory::desc({rows, columns}, type, memory::format_tag::ab);
}

memory::desc Transposed(int64_t rows, int64_t columns, memory::data_type type) {
  return memory::desc({rows, columns}, type, memory::format_tag::ba);
}

/// Memory that products of this thread work in, as large as the largest needed so far.
void* Scratchpad(size_t bytes) {
  thread_local std::unique_ptr<Buffer<char>> buffer;
  thread_local size_t size = 0;
  if (size < bytes) {
    buffer.reset();
    buffer = std::make_unique<Buffer<char>>(static_cast<int64_t>(bytes));
    size = bytes;
  }
  return buffer == nullptr ? nullptr : buffer->data();
}

/// While it lives, oneDNN takes this thread to be the only one.
class OneThread {
 public:
  explicit OneThread(bool wanted) : before_(omp_get_max_threads()), wanted_(wanted) {
    if (wanted_) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (wanted_) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
  bool wanted_;
};

std::shared_ptr<CompiledProduct> Compiled(const ProductShape& shape);

/// The order in which a product of `rows` rows likes to read its B.
memory::desc PackedOrder(int64_t k, int64_t n, int64_t rows, Precision precision, bool alone) {
  ProductShape shape;
  shape.m = rows;
  shape.k = k;
  shape.n = n;
  shape.precision = precision;
  shape.alone = alone;
  shape.packed_for = -1;  // oneDNN chooses
  return Compiled(shape)->description.weights_desc();
}

std::shared_ptr<CompiledProduct> Compile(const ProductShape& s) {
  const OneThread one_thread(s.alone);
  const auto type = TypeOf(s.precision);
  const memory::desc a = s.transposed_a ? Transposed(s.m, s.k, type) : Plain(s.m, s.k, type);
  const memory::desc b =
      s.packed_for > 0   ? PackedOrder(s.k, s.n, s.packed_for, s.precision, s.alone)
      : s.packed_for < 0 ? memory::desc({s.k, s.n}, type, memory::format_tag::any)
                         : Plain(s.k, s.n, type);
  const memory::desc c = Plain(s.m, s.n, memory::data_type::f32);
  dnnl::primitive_attr attributes;
  // oneDNN's own would belong to the thread that compiles, not to the one that runs.
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.accumulate) {
    dnnl::post_ops operations;
    operations.append_sum(1.0f);
    attributes.set_post_ops(operations);
  }
  dnnl::matmul::primitive_desc description(Engine(), a, b, c, attributes);
  return std::make_shared<CompiledProduct>(CompiledProduct{description, dnnl::matmul(description)});
}

Key KeyOf(const ProductShape& s) {
  return {s.m,          s.k,          s.n,    static_cast<int64_t>(s.precision), s.transposed_a,
          s.accumulate, s.packed_for, s.alone};
}

/// The compiled product of this shape, from those of the last calls where it is among them.
std::shared_ptr<CompiledProduct> Compiled(const ProductShape& shape) {
  using Entry = std::pair<Key, std::shared_ptr<CompiledProduct>>;
  static std::recursive_mutex mutex;
  static std::list<Entry> recent;  // the latest first
  static std::map<Key, std::list<Entry>::iterator> byKey;
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  const Key key = KeyOf(shape);
  if (const auto found = byKey.find(key); found != byKey.end()) {
    recent.splice(recent.begin(), recent, found->second);
    return found->second->second;
  }
  auto compiled = Compile(shape);
  recent.emplace_front(key, compiled);
  byKey[key] = recent.begin();
  if (recent.size() > kKept) {
    byKey.erase(recent.back().first);
    recent.pop_back();
  }
  return compiled;
}

/// Elements in a stored row of A.
int64_t WidthOfA(const ProductShape& s) { return s.transposed_a ? s.m : s.k; }

int64_t StrideOfA(const ProductShape& s) { return s.a_stride > 0 ? s.a_stride : WidthOfA(s); }

int64_t BytesOf(Precision precision) {
  return precision == Precision::kBfloat16 ? sizeof(Bfloat16) : sizeof(float);
}

/// The columns of a wider matrix as a matrix of their own.
void CopyColumns(const ProductShape& s, const void* a, char* copy) {
  const int64_t rows = s.transposed_a ? s.k : s.m;
  const int64_t width = WidthOfA(s) * BytesOf(s.precision);
  const int64_t stride = StrideOfA(s) * BytesOf(s.precision);
  const int64_t rows_a_thread = std::max<int64_t>(1, 4 * kElementsAThread / width);
  const auto copy_rows = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      std::memcpy(copy + i * width, static_cast<const char*>(a) + i * stride,
                  static_cast<size_t>(width));
    }
  };
  s.alone ? copy_rows(0, rows) : ParallelFor(rows, rows_a_thread, 1, copy_rows);
}

bool RunsInTiles(Precision precision) { return precision == Precision::kBfloat16 && HasTiles(); }

void RunInTiles(const ProductShape& s, const Bfloat16* a, const void* b, float* c) {
  const int threads = s.alone ? 1 : omp_get_max_threads();
  const TileProductShape shape{s.m, s.k, s.n, StrideOfA(s), s.accumulate, threads};
  if (s.transposed_a) {
    TileProductOverRows(shape, a, static_cast<const Bfloat16*>(b), c);
  } else if (s.packed_for > 0) {
    TileProduct(shape, a, b, c);
  } else {
    const Buffer<char> packed(TileBytesOf(s.k, s.n));
    PackForTiles(static_cast<const Bfloat16*>(b), false, s.k, s.n, packed.data());
    TileProduct(shape, a, packed.data(), c);
  }
}

}  // namespace

Product::Product(const ProductShape& shape) : shape_(shape) {
  if (RunsInTiles(shape.precision)) return;
  compiled_ = Compiled(shape);
  // Where rows do not follow each other, oneDNN has plain loops only.
  if (StrideOfA(shape) != WidthOfA(shape)) {
    copy_of_a_ = std::make_unique<Buffer<char>>(shape.m * shape.k * BytesOf(shape.precision));
  }
  const auto& description = compiled_->description;
  a_ = memory(description.src_desc(), Engine(), nullptr);
  b_ = memory(description.weights_desc(), Engine(), nullptr);
  c_ = memory(description.dst_desc(), Engine(), nullptr);
  scratchpad_ = memory(description.scratchpad_desc(), Engine(), nullptr);
  arguments_ = {{DNNL_ARG_SRC, a_},
                {DNNL_ARG_WEIGHTS, b_},
                {DNNL_ARG_DST, c_},
                {DNNL_ARG_SCRATCHPAD, scratchpad_}};
}

void Product::Run(const void* a, const void* b, float* c) {
  if (compiled_ == nullptr) {
    RunInTiles(shape_, static_cast<const Bfloat16*>(a), b, c);
    return;
  }
  if (copy_of_a_) {
    CopyColumns(shape_, a, copy_of_a_->data());
    a = copy_of_a_->data();
  }
  a_.set_data_handle(const_cast<void*>(a));
  b_.set_data_handle(const_cast<void*>(b));
  c_.set_data_handle(c);
  scratchpad_.set_data_handle(Scratchpad(scratchpad_.get_desc().get_size()));
  compiled_->primitive.execute(Stream(), arguments_);
}

PackedMatrix::PackedMatrix(const float* matrix, Stored stored, int64_t k, int64_t n, int64_t rows,
                           Precision precision, bool alone)
    : k_(k), n_(n), rows_(rows), precision_(precision), alone_(alone) {
  if (RunsInTiles(precision)) {
    data_ = std::make_unique<Buffer<char>>(TileBytesOf(k, n));
    PackForTiles(matrix, stored == Stored::kTransposed, k, n, data_->data());
    return;
  }
  std::optional<Operand<RoundedFloat>> rounded;  // what a conversion to bfloat16 would do
  if (precision == Precision::kRoundedFloat) matrix = &rounded.emplace(matrix, k * n).data()->value;
  const memory::desc order = PackedOrder(k, n, rows, precision, alone);
  const memory::desc from = stored == Stored::kTransposed ? Transposed(k, n, memory::data_type::f32)
                                                          : Plain(k, n, memory::data_type::f32);
  data_ = std::make_unique<Buffer<char>>(static_cast<int64_t>(order.get_size()));
  memory source(from, Engine(), const_cast<float*>(matrix));
  memory target(order, Engine(), data_->data());
  dnnl::reorder(source, target).execute(Stream(), source, target);
}

ProductShape PackedMatrix::ShapeFor(int64_t m) const {
  ProductShape shape;
  shape.m = m;
  shape.k = k_;
  shape.n = n_;
  shape.precision = precision_;
  shape.packed_for = rows_;
  shape.alone = alone_;
  return shape;
}

}  // namespace gru_lm
