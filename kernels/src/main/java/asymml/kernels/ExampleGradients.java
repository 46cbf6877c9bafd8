package asymml.kernels;

import java.util.EnumSet;
import java.util.function.IntFunction;

/// The weight gradients of the single examples of a batch. Examples run in parallel, each on one
/// thread: a batch of one gives several threads too little to do. Results do not depend on the
/// number of threads.
public final class ExampleGradients implements AutoCloseable {
  private final Convolution[] lanes;

  /// Plans as many batches of one as there are threads.
  ///
  /// @param shape sizes of the operation on the whole batch
  /// @throws IllegalStateException if oneDNN has only a reference implementation
  public ExampleGradients(ConvShape shape) {
    lanes = new Convolution[Math.min(Kernels.threads(), shape.batch())];
    try (Closer opened = new Closer()) {
      ScopedValue.where(Dnnl.PLANNED_THREADS, 1)
          .run(() -> {
            for (int i = 0; i < lanes.length; i++) {
              lanes[i] =
                  opened.own(
                      new Convolution(
                          shape.withBatch(1), EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS)));
            }
          });
      opened.release();
    }
  }

  /// Computes them. The same example gives the same values, to the bit, in whatever batch.
  ///
  /// @param x `[N, H, W, C]`, of any number of examples
  /// @param dy `[N, OH, OW, O]`
  /// @param dw for each example, `[O, kH, kW, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  public void compute(Tensor x, Tensor dy, IntFunction<Tensor> dw) {
    int batch = x.length(0);
    Parallel.run(
        lanes.length,
        lane -> {
          int end = (lane + 1) * batch / lanes.length;
          for (int i = lane * batch / lanes.length; i < end; i++) {
            lanes[lane].backwardWeights(x.examples(i, 1), dy.examples(i, 1), dw.apply(i));
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
