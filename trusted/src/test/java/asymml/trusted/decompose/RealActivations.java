package asymml.trusted.decompose;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.ImageSet;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.imageio.ImageIO;

/// The feature maps of images in randomly initialised networks of the zoo, with the statistics of
/// the batch in their norms as in a first training step.
final class RealActivations {
  static final int IMAGES = 16;
  private static final int SIDE = 32;
  private static final Path CIFAR = Path.of("..", "..", "shared", "data", "cifar10-jpeg.zip");

  private RealActivations() {}

  /// What the images are: photographs where the shared data exist, drawn shapes elsewhere.
  static String source() {
    return Files.exists(CIFAR) ? "CIFAR-10 photographs" : "generated shapes (no shared data)";
  }

  /// The output of one ReLU.
  ///
  /// @return `[IMAGES, H, W, C]`
  static Tensor of(Arena arena, String model, String relu) throws Exception {
    Graph whole = Zoo.build(model, new Shape(SIDE, SIDE, 3), 10, Zoo.Norm.BATCH);
    List<Node> nodes = new ArrayList<>();
    Shape shape = null;
    for (int i = 0; i < whole.nodes().size() && shape == null; i++) {
      Node node = whole.nodes().get(i);
      nodes.add(node);
      if (node.name().equals(relu) && node.layer() instanceof Relu) {
        shape = whole.shape(i);
      }
    }
    if (shape == null) {
      throw new AssertionError(model + " has no ReLU called " + relu);
    }
    nodes.add(new Node("flatten", new Flatten(), List.of(nodes.size() - 1)));
    Graph graph = new Graph(model + " up to " + relu, whole.input(), nodes);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        TrustedNetwork network = TrustedNetwork.forTraining(graph, IMAGES, parameters, 1)) {
      network.input().copyFrom(images());
      network.forward(0);
      return Tensor.allocate(arena, IMAGES, shape.height(), shape.width(), shape.channels())
          .copyFrom(network.logits());
    }
  }

  /// `[IMAGES, 32, 32, 3]`, about zero mean and unit variance.
  private static float[] images() throws Exception {
    byte[] pixels = Files.exists(CIFAR) ? photographs() : shapes();
    float[] values = new float[pixels.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = ((pixels[i] & 0xFF) - 120) / 63f;
    }
    return values;
  }

  private static byte[] photographs() throws Exception {
    byte[] pixels = new byte[IMAGES * SIDE * SIDE * 3];
    try (ZipFile zip = new ZipFile(CIFAR.toFile())) {
      // Spread over all classes.
      List<? extends ZipEntry> entries =
          zip.stream().filter(e -> e.getName().endsWith(".jpg")).toList();
      for (int n = 0; n < IMAGES; n++) {
        try (InputStream in = zip.getInputStream(entries.get(n * entries.size() / IMAGES))) {
          BufferedImage image = ImageIO.read(in);
          for (int p = 0; p < SIDE * SIDE; p++) {
            int rgb = image.getRGB(p % SIDE, p / SIDE);
            for (int c = 0; c < 3; c++) {
              pixels[(n * SIDE * SIDE + p) * 3 + c] = (byte) (rgb >> (16 - 8 * c));
            }
          }
        }
      }
    }
    return pixels;
  }

  private static byte[] shapes() throws Exception {
    ImageSet set = DataSets.open("generated", (_, _, _) -> {}).test();
    byte[] pixels = new byte[IMAGES * SIDE * SIDE * 3];
    byte[] one = new byte[SIDE * SIDE * 3];
    for (int n = 0; n < IMAGES; n++) {
      set.pixels(n, one);
      System.arraycopy(one, 0, pixels, n * one.length, one.length);
    }
    return pixels;
  }
}
