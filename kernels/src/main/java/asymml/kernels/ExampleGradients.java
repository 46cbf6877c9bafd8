package asymml.kernels;

import java.util.EnumSet;
import java.util.function.IntFunction;

/// The weight gradients of the single examples of a batch, each the sum over the views of an
/// example, which have consecutive places. Examples run in parallel, each on one thread: a batch of
/// one gives several threads too little to do. Results do not depend on the number of threads.
public final class ExampleGradients implements AutoCloseable {
  private final int views;
  private final Convolution[] lanes;

  /// Plans as many batches of one example as there are threads.
  ///
  /// @param shape sizes of the operation on the whole batch
  /// @param views K, the places of an example, at least 1
  /// @throws IllegalArgumentException if the batch has no whole number of examples
  /// @throws IllegalStateException if oneDNN has only a reference implementation
  public ExampleGradients(ConvShape shape, int views) {
    this.views = Operands.atLeastOne("views", views);
    if (shape.batch() % views != 0) {
      throw new IllegalArgumentException(
          "%s places hold no whole number of examples of %s views".formatted(shape.batch(), views));
    }
    lanes = new Convolution[Math.min(Kernels.threads(), shape.batch() / views)];
    try (Closer opened = new Closer()) {
      ScopedValue.where(Dnnl.PLANNED_THREADS, 1)
          .run(() -> {
            for (int i = 0; i < lanes.length; i++) {
              lanes[i] =
                  opened.own(
                      new Convolution(
                          shape.withBatch(views), EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS)));
            }
          });
      opened.release();
    }
  }

  /// Computes them. The same example gives the same values, to the bit, in whatever batch.
  ///
  /// @param x `[N K, H, W, C]`, of any number of examples, K views each
  /// @param dy `[N K, OH, OW, O]`
  /// @param dw for each example, `[O, kH, kW, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  public void compute(Tensor x, Tensor dy, IntFunction<Tensor> dw) {
    int batch = x.length(0) / views;
    Parallel.run(
        lanes.length,
        lane -> {
          int end = (lane + 1) * batch / lanes.length;
          for (int i = lane * batch / lanes.length; i < end; i++) {
            lanes[lane].backwardWeights(
                x.examples(i * views, views), dy.examples(i * views, views), dw.apply(i));
          }
        });
  }

  /// Frees scratch memory. Idempotent.
  @Override
  public void close() {
    for (Convolution lane : lanes) {
      lane.close();
    }
  }
}
