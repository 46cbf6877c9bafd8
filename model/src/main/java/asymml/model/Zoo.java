package asymml.model;

import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Clip;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Tanh;
import java.util.List;

/// The models that come with AsymML.
///
/// VGG with normalisation after each convolution (Simonyan and Zisserman 2014, arXiv 1409.1556;
/// configurations A, B, D, E), ResNet-18/34 with basic blocks and ResNet-20 for CIFAR (He et al.
/// 2015, arXiv 1512.03385; projection shortcuts), ResNet-50 with bottlenecks (stride in the 3x3
/// convolution), WideResNet-16-4 (Zagoruyko and Komodakis 2016, arXiv 1605.07146; without dropout),
/// MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381), a small CNN, and two convolutions on fixed
/// scattering features (Tramer and Boneh 2021, arXiv 2011.11660), for training with differential
/// privacy. Images below 64 pixels get the CIFAR stem (3x3, no pooling; VGG ends in one linear
/// layer; MobileNetV2 has stride 1 in place of its first two strides), larger ones the ImageNet
/// stem (7x7 stride 2 and pooling; VGG ends in three linear layers with dropout). Layers of
/// MobileNetV2 are called as in torchvision, those of WideResNet as in its authors' PyTorch code.
public final class Zoo {
  /// The normalisation of a model; `scatter-cnn` has none but that of its features.
  public enum Norm {
    /// Batch normalisation: mixes examples, so no per-example bound holds through it.
    BATCH,
    /// Group normalisation, each example by itself, after convolutions with standardised weights,
    /// without which it learns more slowly than batch normalisation (De et al. 2022, arXiv
    /// 2204.13650, train so under differential privacy).
    GROUP
  }

  private static final int IMAGENET_STEM_FROM = 64;
  private static final int POOL = 0;

  private Zoo() {}

  /// The models' names, smallest first.
  ///
  /// @return what [#build] accepts
  public static List<String> names() {
    return List.of(
        "cnn",
        "scatter-cnn",
        "resnet20",
        "wrn16-4",
        "mobilenetv2",
        "resnet18",
        "resnet34",
        "resnet50",
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19");
  }

  /// Builds a model.
  ///
  /// @param name one of [#names]
  /// @param input shape of one image
  /// @param classes number of logits, at least 2
  /// @param norm the normalisation
  /// @return its graph
  /// @throws IllegalArgumentException if the name is unknown or the images do not fit the model
  public static Graph build(String name, Shape input, int classes, Norm norm) {
    if (classes < 2) {
      throw new IllegalArgumentException("a classifier needs at least 2 classes, not " + classes);
    }
    Builder b = new Builder(input, norm);
    switch (name) {
      case "cnn" -> b.cnn(classes);
      case "scatter-cnn" -> b.scatterCnn(classes);
      case "resnet20" -> b.resnet(classes, 16, 3, 3, 3);
      case "resnet18" -> b.resnet(classes, 64, 2, 2, 2, 2);
      case "resnet34" -> b.resnet(classes, 64, 3, 4, 6, 3);
      case "resnet50" -> b.resnet50(classes);
      case "wrn16-4" -> b.wideResnet(classes, 64, 2);
      case "mobilenetv2" -> b.mobilenet(classes);
      case "vgg11" -> b.vgg(classes, 64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512);
      case "vgg13" ->
          b.vgg(classes, 64, 64, POOL, 128, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512);
      case "vgg16" ->
          b.vgg(
              classes, 64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL, 512,
              512, 512);
      case "vgg19" ->
          b.vgg(
              classes, 64, 64, POOL, 128, 128, POOL, 256, 256, 256, 256, POOL, 512, 512, 512, 512,
              POOL, 512, 512, 512, 512);
      default -> throw unknown(name);
    }
    return b.graph.build(name);
  }

  /// Refuses what is no name of a model.
  ///
  /// @param name one of [#names]
  /// @throws IllegalArgumentException if it is not
  static void requireName(String name) {
    if (!names().contains(name)) {
      throw unknown(name);
    }
  }

  private static IllegalArgumentException unknown(String name) {
    return new IllegalArgumentException(
        "no model is called '" + name + "'; there are " + String.join(", ", names()));
  }

  private static final class Builder {
    private static final float EPSILON = 1e-5f;
    private static final float MOMENTUM = 0.1f;

    private final GraphBuilder graph;
    private final Norm norm;
    private final boolean large;

    Builder(Shape input, Norm norm) {
      this.graph = new GraphBuilder(input);
      this.norm = norm;
      this.large = Math.min(input.height(), input.width()) >= IMAGENET_STEM_FROM;
    }

    void cnn(int classes) {
      int[] widths = {16, 32, 64};
      for (int i = 0; i < widths.length; i++) {
        convNormRelu("" + (i + 1), widths[i], 3, 1);
        graph.add("pool" + (i + 1), new MaxPool(2, 2, 0));
      }
      graph.add("flatten", new Flatten());
      graph.add("fc", new Linear(classes));
    }

    /// Features are normalised in groups of nine paths, whatever the norm of other models: it needs
    /// no statistics and has nothing to train.
    void scatterCnn(int classes) {
      graph.add("scattering", new Scattering());
      graph.add("conv1", new Conv2d(64, 3, 2, 1));
      graph.add("tanh1", new Tanh());
      graph.add("conv2", new Conv2d(64, 3, 1, 1));
      graph.add("tanh2", new Tanh());
      graph.add("flatten", new Flatten());
      graph.add("fc", new Linear(classes));
    }

    void vgg(int classes, int... widths) {
      int stage = 1;
      int conv = 1;
      for (int width : widths) {
        if (width == POOL) {
          graph.add("pool" + stage, new MaxPool(2, 2, 0));
          stage++;
          conv = 1;
        } else {
          convNormRelu(stage + "_" + conv, width, 3, 1);
          conv++;
        }
      }
      graph.add("pool" + stage, new MaxPool(2, 2, 0));
      graph.add("flatten", new Flatten());
      if (large) {
        for (int i = 1; i <= 2; i++) {
          graph.add("fc" + i, new Linear(4096));
          graph.add("fc" + i + ".relu", new Relu());
          graph.add("fc" + i + ".dropout", new Dropout(0.5f));
        }
      }
      graph.add("fc", new Linear(classes));
    }

    void resnet(int classes, int width, int... blocks) {
      stem(width);
      int channels = width;
      for (int stage = 0; stage < blocks.length; stage++) {
        int out = width << stage;
        for (int i = 0; i < blocks[stage]; i++) {
          int stride = stage > 0 && i == 0 ? 2 : 1;
          block("layer" + (stage + 1) + "." + i, channels, out, stride);
          channels = out;
        }
      }
      graph.add("pool", new GlobalAvgPool());
      graph.add("fc", new Linear(classes));
    }

    private void stem(int width) {
      if (large) {
        convNormRelu("1", width, 7, 2);
        graph.add("pool1", new MaxPool(3, 2, 1));
      } else {
        convNormRelu("1", width, 3, 1);
      }
    }

    void resnet50(int classes) {
      stem(64);
      int[] blocks = {3, 4, 6, 3};
      int channels = 64;
      for (int stage = 0; stage < blocks.length; stage++) {
        int width = 64 << stage;
        for (int i = 0; i < blocks[stage]; i++) {
          int stride = stage > 0 && i == 0 ? 2 : 1;
          bottleneck("layer" + (stage + 1) + "." + i, channels, width, stride);
          channels = 4 * width;
        }
      }
      graph.add("pool", new GlobalAvgPool());
      graph.add("fc", new Linear(classes));
    }

    private void bottleneck(String name, int in, int width, int stride) {
      int start = graph.last();
      int out = 4 * width;
      graph.add(name + ".conv1", conv(width, 1, 1));
      graph.add(name + ".bn1", norm(width));
      graph.add(name + ".relu1", new Relu());
      graph.add(name + ".conv2", conv(width, 3, stride));
      graph.add(name + ".bn2", norm(width));
      graph.add(name + ".relu2", new Relu());
      graph.add(name + ".conv3", conv(out, 1, 1));
      int main = graph.add(name + ".bn3", norm(out));
      graph.add(name + ".add", new Add(), main, shortcut(name, start, in, out, stride));
      graph.add(name + ".relu3", new Relu());
    }

    /// Blocks begin with normalisation and ReLU, and so does the classifier.
    void wideResnet(int classes, int width, int blocks) {
      graph.add("conv1", large ? conv(16, 7, 2) : conv(16, 3, 1));
      if (large) {
        graph.add("pool1", new MaxPool(3, 2, 1));
      }
      int channels = 16;
      for (int stage = 0; stage < 3; stage++) {
        int out = width << stage;
        for (int i = 0; i < blocks; i++) {
          String name = "block%s.layer.%s".formatted(stage + 1, i);
          wideBlock(name, channels, out, stage > 0 && i == 0 ? 2 : 1);
          channels = out;
        }
      }
      graph.add("bn1", norm(channels));
      graph.add("relu", new Relu());
      graph.add("pool", new GlobalAvgPool());
      graph.add("fc", new Linear(classes));
    }

    private void wideBlock(String name, int in, int out, int stride) {
      int start = graph.last();
      graph.add(name + ".bn1", norm(in));
      int relu = graph.add(name + ".relu1", new Relu());
      graph.add(name + ".conv1", conv(out, 3, stride));
      graph.add(name + ".bn2", norm(out));
      graph.add(name + ".relu2", new Relu());
      int main = graph.add(name + ".conv2", conv(out, 3, 1));
      int shortcut =
          in == out ? start : graph.add(name + ".convShortcut", conv(out, 1, stride), relu);
      graph.add(name + ".add", new Add(), main, shortcut);
    }

    void mobilenet(int classes) {
      int[][] stages = {
        // expansion, channels, blocks, stride
        {1, 16, 1, 1},
        {6, 24, 2, large ? 2 : 1},
        {6, 32, 3, 2},
        {6, 64, 4, 2},
        {6, 96, 3, 1},
        {6, 160, 3, 2},
        {6, 320, 1, 1}
      };
      convNormRelu6("features.0", conv(32, 3, large ? 2 : 1), 32);
      int channels = 32;
      int block = 1;
      for (int[] stage : stages) {
        for (int i = 0; i < stage[2]; i++) {
          inverted("features." + block + ".", channels, stage[0], stage[1], i == 0 ? stage[3] : 1);
          channels = stage[1];
          block++;
        }
      }
      convNormRelu6("features." + block, conv(1280, 1, 1), 1280);
      graph.add("pool", new GlobalAvgPool());
      graph.add("classifier.0", new Dropout(0.2f));
      graph.add("classifier.1", new Linear(classes));
    }

    /// An inverted residual: expanded, filtered channel by channel, and projected.
    private void inverted(String name, int in, int expansion, int out, int stride) {
      int start = graph.last();
      int wide = in * expansion;
      int part = 0;
      if (expansion > 1) {
        convNormRelu6(name + "conv." + part++, conv(wide, 1, 1), wide);
      }
      convNormRelu6(
          name + "conv." + part++,
          new GroupedConv2d(wide, 3, stride, 1, wide, norm == Norm.GROUP, false),
          wide);
      graph.add(name + "conv." + part++, conv(out, 1, 1));
      int main = graph.add(name + "conv." + part, norm(out));
      if (stride == 1 && in == out) {
        graph.add(name + "add", new Add(), main, start);
      }
    }

    private void convNormRelu6(String name, Layer conv, int width) {
      graph.add(name + ".0", conv);
      graph.add(name + ".1", norm(width));
      graph.add(name + ".2", new Clip(0, 6));
    }

    private void block(String name, int in, int out, int stride) {
      int start = graph.last();
      graph.add(name + ".conv1", conv(out, 3, stride));
      graph.add(name + ".bn1", norm(out));
      graph.add(name + ".relu1", new Relu());
      graph.add(name + ".conv2", conv(out, 3, 1));
      int main = graph.add(name + ".bn2", norm(out));
      graph.add(name + ".add", new Add(), main, shortcut(name, start, in, out, stride));
      graph.add(name + ".relu2", new Relu());
    }

    private int shortcut(String name, int start, int in, int out, int stride) {
      if (stride == 1 && in == out) {
        return start;
      }
      graph.add(name + ".downsample.conv", conv(out, 1, stride), start);
      return graph.add(name + ".downsample.bn", norm(out));
    }

    private void convNormRelu(String suffix, int width, int kernel, int stride) {
      graph.add("conv" + suffix, conv(width, kernel, stride));
      graph.add("bn" + suffix, norm(width));
      graph.add("relu" + suffix, new Relu());
    }

    private Layer conv(int out, int kernel, int stride) {
      return new Conv2d(out, kernel, stride, kernel / 2, norm == Norm.GROUP);
    }

    private Layer norm(int channels) {
      return switch (norm) {
        case BATCH -> new BatchNorm(EPSILON, MOMENTUM);
        case GROUP -> new GroupNorm(groups(channels), EPSILON);
      };
    }

    /// At most 32 groups of at least 4 channels each (Wu and He 2018, arXiv 1803.08494, use 32
    /// groups; narrow networks need fewer).
    private static int groups(int channels) {
      int groups = Math.max(1, Math.min(32, channels / 4));
      while (channels % groups != 0) {
        groups--;
      }
      return groups;
    }
  }
}
