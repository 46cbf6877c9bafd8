package asymml.cli.table;

import asymml.kernels.ConvShape;
import asymml.trusted.bench.PerExampleBench.LayerCost;
import asymml.trusted.bench.PerExampleBench.StepCosts;
import asymml.trusted.ops.PerExampleMethod;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/// What gradients of single examples cost, as text.
///
/// @param out where to
public record PerExampleTable(PrintWriter out) {
  private static final String ROW = "%-22s %-26s %9s %9s %9s %9s %9s  %s%n";

  /// Prints the layers, one line for each.
  ///
  /// @param layers what they cost
  public void print(List<LayerCost> layers) {
    out.println("processor microseconds an image: gradient of the batch, and by method");
    out.printf(ROW, "layer", "shape", "batch", "product", "stored", "ghost", "recomp.", "chosen");
    for (LayerCost layer : layers) {
      out.printf(
          ROW,
          layer.layer(),
          shape(layer.shape()),
          micros(layer.plainSeconds()),
          micros(layer, PerExampleMethod.PRODUCT),
          micros(layer, PerExampleMethod.STORED),
          micros(layer, PerExampleMethod.GHOST),
          micros(layer, PerExampleMethod.RECOMPUTED),
          layer.chosen().label());
    }
  }

  /// Prints what a step costs.
  ///
  /// @param step with and without gradients of single images
  public void print(StepCosts step) {
    out.printf(
        "step     %s microseconds an image without gradients of single images, %s with: %s times%n",
        micros(step.plainSeconds()),
        micros(step.privateSeconds()),
        String.format(Locale.ROOT, "%.2f", step.ratio()));
  }

  private static String shape(ConvShape shape) {
    return "%sx%sx%s, %sx%s, to %s%s"
        .formatted(
            shape.height(),
            shape.width(),
            shape.inChannels(),
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.outChannels(),
            shape.stride() == 1 ? "" : ", /" + shape.stride());
  }

  private static String micros(LayerCost layer, PerExampleMethod method) {
    Double seconds = layer.seconds().get(method);
    return seconds == null ? "-" : micros(seconds);
  }

  private static String micros(double seconds) {
    return String.format(Locale.ROOT, "%.1f", seconds * 1e6);
  }
}
