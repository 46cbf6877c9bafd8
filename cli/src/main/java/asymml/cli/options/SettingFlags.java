package asymml.cli.options;

import asymml.session.InferenceSpec;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/// The settings of a training run as flags of `train`: each is called as in [Settings], where
/// values are read and defaults are.
public final class SettingFlags {
  private final CommandSpec spec = CommandSpec.create();

  private SettingFlags() {}

  /// The flags, as a mixin.
  public static CommandSpec mixin() {
    return new SettingFlags()
        .flag(
            "data",
            "DATA",
            "Images to train on (default: ${DEFAULT-VALUE}): generated[:SEED], a built-in set of"
                + " generated shapes; a folder or zip of train/<class>/*.jpg|png and"
                + " test/<class>/*; a .csv or .tsv file with the columns path, label and split; a"
                + " .tar or .parquet file or a folder of them (train-*, test-*); a"
                + " folder of CIFAR-10/100 binary files or of the IDX files of the MNIST family.")
        .flag(
            "limit-train",
            "N",
            "Train on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
        .flag(
            "limit-test",
            "N",
            "Test on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
        .flag(
            "validation-split",
            "F",
            "Set a share F of the training images aside, the same of each class: not trained on,"
                + " but evaluated after each epoch in place of the test images. The model of the"
                + " epoch with the best validation accuracy is then the run's; in a run that is"
                + " accounted for the last one's, since the choice would be a release (default:"
                + " ${DEFAULT-VALUE}).")
        .flag(
            "max-image-pixels",
            "N",
            "Refuse images that declare more pixels, height times width, before memory is taken"
                + " (default: ${DEFAULT-VALUE}).")
        .flag(
            "image-size",
            "N",
            "Scale every image so that its shorter side has N pixels, and cut the middle N x N out;"
                + " or stored: all have one size (default: ${DEFAULT-VALUE}).")
        .flag(
            "window",
            "LOW:HIGH",
            "Of samples of 16 bits, such as 12-bit scans, take LOW to HIGH as black to white; or"
                + " full: all of 16 bits (default: ${DEFAULT-VALUE}).")
        .flag(
            "label-column",
            "NAME",
            "The column of a table or Parquet file, or the key in the JSON of tar archives, with"
                + " each image's class (default: label or class).")
        .flag(
            "group-column",
            "NAME",
            "The column that says which images belong together, such as those of a patient: a group"
                + " must be in one split (default: none).")
        .flag(
            "image-cache",
            "BYTES",
            "Keep at most so many bytes of decoded images in memory, such as 2G, and decode the"
                + " others each time; or all (default: ${DEFAULT-VALUE}).")
        .flag(
            "on-bad-image",
            "fail|skip",
            "An image that is damaged, or lost later: fail ends the run with its name; skip leaves"
                + " it out, counts and names it, up to one in ten (default: ${DEFAULT-VALUE}).")
        .negatable(
            "augment",
            "Flip and shift training images as suits the data, for scatter-cnn only flip them"
                + " (default: ${DEFAULT-VALUE}).")
        .negatable(
            "random-crop",
            "With --image-size: cut a random part out of a training image each time, of 0.08 to all"
                + " of its area and 3:4 to 4:3, and scale it, in the place of shifts (default:"
                + " ${DEFAULT-VALUE}).")
        .flag(
            "model",
            "NAME|FILE",
            "cnn, scatter-cnn, resnet20, wrn16-4, mobilenetv2, resnet18, resnet34, resnet50, vgg11,"
                + " vgg13, vgg16 or vgg19 (default: ${DEFAULT-VALUE}); 'asymml models' compares"
                + " them. Or a network of your own: an .onnx file, whose layers are taken (--init"
                + " takes its parameters), or a .yaml file ('asymml models --yaml NAME' prints an"
                + " example).")
        .flag("norm", "NORM", "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
        .flag(
            "init",
            "FILE",
            "Begin with the parameters of a model file: safetensors or .onnx, with torchvision's"
                + " names or those of 'asymml export'. The others, and a classifier of other"
                + " classes, are drawn by the seed (default: all are).")
        .negatable(
            "init-public",
            "Declare that the file of --init depends on no private image of this run: needed in a"
                + " run that is accounted for, whose epsilon is false otherwise (default: no).")
        .list(
            "freeze",
            "LAYERS",
            "With --init: layers that are not trained, as regular expressions with commas, such as"
                + " 'conv1,bn1,layer1.*'; those in front of them must be frozen too. They are"
                + " computed in the trusted process, are not released and count for nothing in the"
                + " account (default: none).")
        .flag(
            "mode",
            "MODE",
            "Where linear layers run (default: ${DEFAULT-VALUE}). asymml: low-rank part trusted,"
                + " noisy residual at the worker; trusted-only: all trusted; untrusted-only: all at"
                + " the worker, NO PRIVACY; dp-only: noisy whole activations at the worker.")
        .flag(
            "decomposer",
            "NAME",
            "shared (one basis per layer) or per-example (a light SVD each)"
                + " (default: ${DEFAULT-VALUE}).")
        .flag(
            "rank",
            "RANK",
            "Rank of the trusted part of a layer's input: 8, 1/8 (of the channels),"
                + " schedule:2:32, or energy:0.1:1/2 (default: 1/8, with --shield shares 0).")
        .flag(
            "update",
            "PARTY",
            "Who updates the weights of split layers: trusted, or worker, which then holds them:"
                + " less work and memory here, and the worker also learns the basis and each"
                + " step's exact weight gradient. Only with --decomposer shared, --norm batch, one"
                + " worker, and nothing protected or verified (default: ${DEFAULT-VALUE}).")
        .list(
            "trusted-layers",
            "LAYERS",
            "Linear layers that stay trusted: names with commas, 'first' for the first"
                + " convolution, 'last' for the classifier, whose output gradient spells the"
                + " labels, or 'none' (default: ${DEFAULT-VALUE}).")
        .flag(
            "noise-ratio",
            "RHO",
            "Noise on residuals with sigma = RHO C / sqrt(values), C the clip bound (default: 0.1"
                + " unless --noise-multiplier is given; 0: neither noise nor clipping). With"
                + " --shield shares: the mask-to-signal ratio.")
        .flag(
            "noise-multiplier",
            "Z",
            "Noise on residuals with sigma = Z C; instead of --noise-ratio (0: neither noise nor"
                + " clipping). With --shield shares: that of the masks (then default: 10).")
        .flag(
            "gradient-noise-ratio",
            "RHO",
            "Noise on output gradients, in a run that accounts for nothing, with sigma = RHO C /"
                + " sqrt(values), C a running median of their norms at each layer (default: 0:"
                + " neither noise nor clipping).")
        .mixin("shield", new ShieldOptions())
        .list(
            "protect",
            "CHANNELS",
            "What is clipped, noised and accounted for: none; residuals; gradients (and residuals);"
                + " weights (and both); or all, that is the worker's whole view (default: none,"
                + " with --target-epsilon residuals, with --shield shares gradients).")
        .flag(
            "target-epsilon",
            "E",
            "Budget of what is protected: without a noise setting the noise follows from it, with"
                + " one the run ends at the last step inside it (default: no budget).")
        .flag("delta", "D", "Delta at which epsilon is stated (default: ${DEFAULT-VALUE}).")
        .flag(
            "sampling",
            "KIND",
            "poisson (each image independently, in secret; only where the whole view is protected)"
                + " or shuffle (nothing is amplified) (default: poisson with --protect all, else"
                + " shuffle).")
        .flag(
            "basis",
            "KIND",
            "What a shared basis is fitted to: batch (private), public (see --public-data) or dp"
                + " (noised second moments of batches) (default: batch, in a run that is accounted"
                + " for public).")
        .flag(
            "clip",
            "BOUNDS",
            "Clip bounds: median (follows private data), public (medians over --public-data), or"
                + " numbers R[:G[:W]] for residuals, gradients and summed weight gradients"
                + " (default: median, in a run that is accounted for public).")
        .negatable(
            "dp-sgd",
            "Train by DP-SGD: one clip norm for all parameters, Poisson sampling, and noise that"
                + " follows from --target-epsilon or is --noise-multiplier. Covers the released"
                + " model and, with --shield shares, any one worker's whole view; without workers:"
                + " --mode trusted-only. Changes the defaults of --norm (group), --epochs (30),"
                + " --batch-size (128), --learning-rate (2, per gradient of norm 1), --weight-decay"
                + " (0), --warm-up-epochs (0) and --augment (false) (default: ${DEFAULT-VALUE}).")
        .flag(
            "logical-batch-size",
            "B",
            "With --dp-sgd: expected images a step, computed in physical batches of --batch-size"
                + " (default: 4096).")
        .flag(
            "max-grad-norm",
            "C",
            "With --dp-sgd: clip norm of one image's gradient by all parameters (default: 1).")
        .flag(
            "augmentation-multiplicity",
            "K",
            "With --dp-sgd: views of each image in a step, every second one mirrored, and shifted"
                + " as --augment does; an image's gradient is the mean of theirs. Costs K times the"
                + " time, and no budget. Above 1, --augment is on (default: 1, for scatter-cnn 2).")
        .flag(
            "weight-average",
            "A",
            "With --dp-sgd: decay of the moving average of weights that is evaluated and saved, 0"
                + " for none (default: 0.95).")
        .flag(
            "masks-share",
            "S",
            "With --dp-sgd and --shield shares: the masks' share of the budget, beside the noise on"
                + " gradients (default: 0.02).")
        .flag(
            "per-example",
            "METHOD",
            "With --dp-sgd: how convolutions' parts in the gradients of single images are found:"
                + " stored, ghost (norms from Gram matrices), recomputed, or auto (the fastest for"
                + " each layer that fits into memory). See `asymml bench --dp-sgd` (default:"
                + " auto).")
        .flag(
            "per-example-memory",
            "BYTES",
            "With --dp-sgd: memory for the stored gradients of the images of a physical batch;"
                + " where they do not fit, the largest layers are recomputed, or with --per-example"
                + " stored the physical batch is made smaller (default: 512M).")
        .flag(
            "public-data",
            "DATA",
            "Public images of the same shape, for clip norms and bases of a run that is"
                + " accounted for (default: ${DEFAULT-VALUE}).")
        .flag("epochs", "N", "Passes over the training images (default: ${DEFAULT-VALUE}).")
        .flag(
            "early-stopping",
            "PATIENCE",
            "With --validation-split: end training when validation accuracy has not improved for"
                + " PATIENCE epochs; not in a run that is accounted for (default:"
                + " ${DEFAULT-VALUE}).")
        .flag("batch-size", "N", "Images a step (default: ${DEFAULT-VALUE}).")
        .flag(
            "optimizer",
            "NAME",
            "sgd (with momentum) or adamw (weights decay apart from the gradient; takes as much"
                + " memory again as the parameters) (default: ${DEFAULT-VALUE}).")
        .flag(
            "learning-rate",
            "RATE",
            "Highest learning rate (default: ${DEFAULT-VALUE}, for VGG 0.01, for scatter-cnn 0.003,"
                + " with adamw 0.001, with --dp-sgd 2, for a target epsilon E below 7 (1 + E) / 4).")
        .flag("momentum", "M", "Momentum of SGD, beta 1 of AdamW (default: ${DEFAULT-VALUE}).")
        .flag(
            "weight-decay",
            "D",
            "Decay of the weights of linear layers (default: ${DEFAULT-VALUE}, with adamw 0.01).")
        .flag(
            "schedule",
            "NAME",
            "How the learning rate falls: cosine, step or constant (default: ${DEFAULT-VALUE}).")
        .list(
            "milestones",
            "EPOCHS",
            "With --schedule step: epochs at whose end the rate falls, with commas (default:"
                + " none).")
        .flag(
            "step-factor",
            "F",
            "With --schedule step: what the rate is multiplied by (default: ${DEFAULT-VALUE}).")
        .flag(
            "warm-up-epochs",
            "N",
            "Epochs over which the rate first rises, fractions allowed (default:"
                + " ${DEFAULT-VALUE}).")
        .flag(
            "label-smoothing",
            "S",
            "Share of the target that is spread over all classes (default: ${DEFAULT-VALUE}).")
        .list(
            "class-weights",
            "WEIGHTS",
            "What the loss of an image is multiplied by: none, balanced (each class counts the same"
                + " in all, by its number of training images; not in a run that is accounted for),"
                + " or numbers with commas, one for each class in the order of their names"
                + " (default: ${DEFAULT-VALUE}).")
        .flag(
            "seed",
            "N",
            "Of initial weights, order, augmentation, dropout and the limits' choice; never of"
                + " noise (default: ${DEFAULT-VALUE}).")
        .flag(
            "analyze-every",
            "N",
            "Analyse ranks after every N epochs and the last, as 'asymml analyze rank' does: a"
                + " line each, rank.json and rank.svg, private statistics; 0 for never"
                + " (default: ${DEFAULT-VALUE}).")
        .flag("threads", "N", "Threads of either process (default: one per available processor).")
        .list(
            "worker",
            "ADDRESS",
            "unix:PATH or tls:HOST:PORT of a worker that runs already (see 'asymml worker --help'),"
                + " or local to start one here, or cuda:N to start one on a GPU of this machine"
                + " (default: ${DEFAULT-VALUE}). Several share each batch. Twice with --shield"
                + " shares: the worker that gets masked values, and the one that gets the masks.")
        .flag("tls-trust", "FILE", "X.509 certificate of the worker to accept; needed with tls:.")
        .negatable(
            "tls-allow-expired",
            "Accept a certificate in --tls-trust that is expired or not yet valid (default: refuse"
                + " it).")
        .flag(
            "tls-keystore",
            "FILE",
            "PKCS12 file with this side's certificate and key, for a worker with --tls-clients"
                + " (default: none).")
        .flag(
            "tls-password-file",
            "FILE",
            "File whose first line is the keystore's password; needed with --tls-keystore (default:"
                + " none).")
        .flag(
            "wire",
            "ENCODING",
            "How tensors cross the line to a tls: worker and back: float32, or bfloat16, rounded to"
                + " half the bytes (default: ${DEFAULT-VALUE}).")
        .mixin("chunks", new ChunkOptions())
        .mixin("verify", new VerifyOptions())
        .flag(
            "worker-timeout",
            "SECONDS",
            "Longest wait for an answer of the worker (default: ${DEFAULT-VALUE}).")
        .flag("out", "DIR", "Run directory to create (default: runs/<time>-<model>-<mode>).")
        .spec;
  }

  /// What some flags mean at inference.
  private static final Map<String, String> AT_INFERENCE =
      Map.ofEntries(
          Map.entry(
              "worker",
              "Run the model together with a worker: local to start one here, cuda:N to start one"
                  + " on a GPU of this machine, unix:PATH or tls:HOST:PORT of one that runs"
                  + " already. Several share each batch; twice with --shield shares (default: none,"
                  + " all is computed here and nothing is released)."),
          Map.entry(
              "mode",
              "With --worker: where linear layers run (default: ${DEFAULT-VALUE}). asymml: low-rank"
                  + " part trusted, noisy residual at the worker; untrusted-only: all at the"
                  + " worker, NO PRIVACY; dp-only: noisy whole activations at the worker."),
          Map.entry(
              "protect",
              "What is clipped to a fixed bound, noised and accounted for: none or residuals"
                  + " (default: none, with --shield shares residuals)."),
          Map.entry(
              "basis",
              "What a shared basis is fitted to: batch (the images themselves) or public (see"
                  + " --public-data) (default: batch, with --protect residuals public)."),
          Map.entry(
              "clip",
              "Clip bounds of residuals: median (follows the images), public (medians over"
                  + " --public-data), or a number (default: median, with --protect residuals"
                  + " public)."),
          Map.entry(
              "public-data",
              "Public images of the same shape, for clip norms and bases with --protect residuals"
                  + " (default: ${DEFAULT-VALUE})."));

  /// The flags of inference through the split, as a mixin: those of training that it has, too.
  public static CommandSpec inferenceMixin() {
    CommandSpec some = CommandSpec.create();
    for (OptionSpec option : mixin().options()) {
      String key = key(option);
      if (InferenceSpec.SETTINGS.contains(key)) {
        OptionSpec.Builder own = option.toBuilder();
        if (AT_INFERENCE.containsKey(key)) {
          own.description(AT_INFERENCE.get(key));
        }
        some.addOption(own.build());
      }
    }
    return some;
  }

  private SettingFlags flag(String key, String label, String... description) {
    return add(option(key, description).paramLabel(label).type(String.class));
  }

  private SettingFlags list(String key, String label, String... description) {
    return add(
        option(key, description)
            .paramLabel(label)
            .type(List.class)
            .auxiliaryTypes(String.class)
            .splitRegex(","));
  }

  private SettingFlags negatable(String key, String... description) {
    return add(option(key, description).type(Boolean.class).negatable(true).fallbackValue("true"));
  }

  private static OptionSpec.Builder option(String key, String... description) {
    return OptionSpec.builder("--" + key).description(description);
  }

  private SettingFlags add(OptionSpec.Builder option) {
    spec.addOption(option.build());
    return this;
  }

  private SettingFlags mixin(String name, Object options) {
    spec.addMixin(name, CommandSpec.forAnnotatedObject(options));
    return this;
  }

  /// What a command line sets; not what it leaves to files and defaults.
  ///
  /// @param parsed of a command with these flags
  public static Settings given(ParseResult parsed) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (OptionSpec option : parsed.matchedOptions()) {
      if (Settings.known().contains(key(option))) {
        Object value = option.getValue();
        values.put(key(option), value instanceof List<?> ? value : String.valueOf(value));
      }
    }
    return new Settings(values);
  }

  /// The key of a setting's flag.
  static String key(OptionSpec option) {
    return option.longestName().replaceFirst("^--(no-)?", "");
  }

  /// The same for inference, where no worker is the default.
  public static final class InferenceDefaults implements IDefaultValueProvider {
    private final Defaults training = new Defaults();

    @Override
    public @Nullable String defaultValue(ArgSpec arg) {
      return arg instanceof OptionSpec option
              && InferenceSpec.SETTINGS.contains(key(option))
              && !key(option).equals("worker")
          ? training.defaultValue(arg)
          : null;
    }
  }

  /// Tells picocli, for its help, what stands where nothing is set.
  public static final class Defaults implements IDefaultValueProvider {
    private final Settings settings = Settings.of(TrainingSpec.defaults());

    @Override
    public @Nullable String defaultValue(ArgSpec arg) {
      String text = arg instanceof OptionSpec option ? settings.text(key(option)) : "";
      return text.isEmpty() ? null : text;
    }
  }
}
