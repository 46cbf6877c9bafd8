package asymml.session;

import asymml.model.Architecture;
import asymml.model.PrintableText;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.check.Verification;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.Decoding;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Algorithm;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.trusted.train.Validation;
import asymml.wire.Encoding;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Reads specifications from settings.
final class SpecReader {
  static final String NOISE_MULTIPLIER = "noise-multiplier";
  static final String NOISE_RATIO = "noise-ratio";
  static final String MAX_IMAGE_PIXELS = "max-image-pixels";
  static final String IMAGE_SIZE = "image-size";
  static final String IMAGE_CACHE = "image-cache";
  static final String WINDOW = "window";
  static final String LABEL_COLUMN = "label-column";
  static final String GROUP_COLUMN = "group-column";
  static final String ON_BAD_IMAGE = "on-bad-image";
  static final String RANDOM_CROP = "random-crop";

  /// All of the range of samples.
  static final String FULL = "full";

  /// Images of the size that they are stored in.
  static final String STORED = "stored";

  static final String NONE = "none";
  static final String BALANCED = "balanced";
  static final String EXACT = "exact";
  static final String SAMPLED = "sampled:";

  static final String DP_SGD = "dp-sgd";
  static final String LOGICAL_BATCH_SIZE = "logical-batch-size";
  static final String MAX_GRAD_NORM = "max-grad-norm";
  static final String AUGMENTATION_MULTIPLICITY = "augmentation-multiplicity";
  static final String WEIGHT_AVERAGE = "weight-average";
  static final String MASKS_SHARE = "masks-share";
  static final String PER_EXAMPLE = "per-example";
  static final String PER_EXAMPLE_MEMORY = "per-example-memory";
  static final String AUTO = "auto";

  private static final List<String> DP_SGD_SETTINGS =
      List.of(
          LOGICAL_BATCH_SIZE,
          MAX_GRAD_NORM,
          AUGMENTATION_MULTIPLICITY,
          WEIGHT_AVERAGE,
          MASKS_SHARE,
          PER_EXAMPLE,
          PER_EXAMPLE_MEMORY);
  static final String ALL = "all";
  private static final String SHARES = "shares";
  private static final TrainingSpec DEFAULTS = TrainingSpec.defaults();
  private static final Settings WRITTEN = Settings.of(DEFAULTS);

  /// Every setting, in the order in which they are written.
  static final List<String> KNOWN = known();

  private final Settings settings;

  SpecReader(Settings settings) {
    this.settings = settings;
  }

  private static List<String> known() {
    List<String> names = new ArrayList<>(WRITTEN.values().keySet());
    names.addAll(names.indexOf(NOISE_RATIO) + 1, List.of(NOISE_MULTIPLIER, "gradient-noise-ratio"));
    names.addAll(names.indexOf(DP_SGD) + 1, DP_SGD_SETTINGS);
    names.add(names.indexOf("delta"), "target-epsilon");
    names.addAll(names.indexOf(WINDOW) + 1, List.of(LABEL_COLUMN, GROUP_COLUMN));
    names.addAll(names.indexOf("mode"), List.of("init", "init-public", "freeze"));
    names.addAll(
        names.indexOf("wire"),
        List.of("tls-trust", "tls-keystore", "tls-password-file", "tls-allow-expired"));
    names.add(Settings.OUT);
    return List.copyOf(names);
  }

  /// A kind of value that is read from text.
  private interface Form<T> {
    T parse(String text);
  }

  TrainingSpec spec() {
    requirePrintable();
    TrainConfig training;
    try {
      training = training();
    } catch (InvalidSpecException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.CONTRADICTION, e);
    }
    return new TrainingSpec(
        data(),
        training,
        new InitSpec(optional("init", Path::of), given("init-public", SpecReader::flag, false)),
        workers(),
        given("threads", SpecReader::integer, DEFAULTS.threads()),
        given("analyze-every", SpecReader::integer, DEFAULTS.analyzeEvery()));
  }

  /// Names of files and directories appear in lines, reports and logs.
  private void requirePrintable() {
    for (String key : settings.values().keySet()) {
      String text = settings.text(key);
      // A described network has lines; its names are checked where it is read.
      boolean printable =
          key.equals("model")
              ? text.lines().allMatch(PrintableText::isPrintable)
              : PrintableText.isPrintable(text);
      if (!printable) {
        throw new InvalidSpecException(
            Finding.of(
                Finding.Kind.UNREADABLE,
                key,
                "must not have line ends or other control characters: " + PrintableText.of(text)));
      }
    }
  }

  private DataSpec data() {
    DataSpec defaults = DEFAULTS.data();
    return new DataSpec(
        given("data", text -> text, defaults.source()),
        given("limit-train", Limit::parse, defaults.limitTrain()),
        given("limit-test", Limit::parse, defaults.limitTest()),
        given("public-data", text -> text, defaults.publicSource()),
        new Decoding(
            given(
                MAX_IMAGE_PIXELS,
                text -> new DataLimits(integer(text)),
                defaults.decoding().limits()),
            given(IMAGE_SIZE, SpecReader::imageSize, defaults.decoding().imageSize()),
            given(IMAGE_CACHE, SpecReader::imageCache, defaults.decoding().cacheBytes()),
            window(),
            new Decoding.Columns(
                optional(LABEL_COLUMN, SpecReader::column),
                optional(GROUP_COLUMN, SpecReader::column)),
            randomCrop(),
            given(
                ON_BAD_IMAGE,
                choice(Decoding.OnBadImage.values(), Decoding.OnBadImage::label),
                defaults.decoding().onBadImage()),
            Decoding.Part.ALL));
  }

  private boolean randomCrop() {
    boolean crop = given(RANDOM_CROP, SpecReader::flag, false);
    if (crop && given(IMAGE_SIZE, SpecReader::imageSize, 0) == 0) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              RANDOM_CROP,
              "needs an image size, to which parts of images are scaled"));
    }
    return crop;
  }

  private static String column(String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("must name a column");
    }
    return text.strip();
  }

  private WorkerSpec workers() {
    WorkerSpec defaults = DEFAULTS.workers();
    return new WorkerSpec(
        list("worker", WorkerChoice::parse, defaults.workers()),
        optional("tls-trust", Path::of),
        tlsKey(),
        given("tls-allow-expired", SpecReader::flag, defaults.tlsAllowExpired()),
        given("wire", choice(Encoding.values(), SpecWriter::label), defaults.wire()),
        given("chunks", SpecReader::integer, defaults.chunks()),
        given("verify", Verification::parse, defaults.verification()),
        given("worker-timeout", text -> Duration.ofSeconds(integer(text)), defaults.timeout()),
        List.of());
  }

  private @Nullable TlsKey tlsKey() {
    Path keystore = optional("tls-keystore", Path::of);
    Path passwordFile = optional("tls-password-file", Path::of);
    if (keystore == null && passwordFile == null) {
      return null;
    }
    if (keystore == null || passwordFile == null) {
      throw new InvalidSpecException(
          Finding.of(Finding.Kind.CONTRADICTION, "tls-keystore and tls-password-file go together"));
    }
    return new TlsKey(keystore, passwordFile);
  }

  private TrainConfig training() {
    Shield shield = shield();
    Architecture model = given("model", ModelFile::architecture, DEFAULTS.training().model());
    PrivacyConfig privacy = privacy(shield, model);
    TrainConfig defaults = privacy.dpSgd() == null ? DEFAULTS.training() : Defaults.dpSgd();
    Mode mode = given("mode", choice(Mode.values(), Mode::label), DEFAULTS.training().mode());
    requireProtected(mode, shield, privacy);
    Algorithm algorithm =
        given(
            "optimizer",
            choice(Algorithm.values(), SpecWriter::label),
            defaults.optimizer().algorithm());
    TrainConfig.Optimizer optimizer =
        switch (algorithm) {
          case SGD ->
              defaults
                  .optimizer()
                  .withLearningRate(
                      privacy.dpSgd() == null
                          ? Defaults.learningRate(model.name())
                          : Defaults.dpSgdLearningRate(privacy.target()));
          case ADAMW -> Defaults.adamw(defaults.optimizer(), privacy.dpSgd() != null);
        };
    return new TrainConfig(
        model,
        given(
            "norm",
            choice(Zoo.Norm.values(), SpecWriter::label),
            model.described() ? Zoo.Norm.BATCH : defaults.norm()),
        mode,
        given(
            "decomposer",
            choice(Decomposition.values(), Decomposition::label),
            defaults.decomposition()),
        given("rank", RankPolicy::parse, Defaults.rank(shield)),
        given("trusted-layers", SpecReader::layers, defaults.trustedLayers()),
        noise(privacy, shield),
        ratio(given("gradient-noise-ratio", SpecReader::number, 0.0)),
        given("epochs", SpecReader::integer, defaults.epochs()),
        given("batch-size", SpecReader::integer, defaults.batchSize()),
        optimizer(optimizer),
        given("label-smoothing", SpecReader::decimal, defaults.labelSmoothing()),
        augment(defaults.augment(), privacy.dpSgd()),
        given("seed", SpecReader::seed, defaults.seed()),
        privacy,
        shield,
        list("freeze", text -> text, List.of()),
        validation(),
        given("class-weights", SpecReader::classWeights, defaults.classWeights()),
        given("update", choice(Update.values(), Update::label), defaults.update()));
  }

  private static ClassWeights classWeights(String text) {
    return switch (text) {
      case NONE -> new ClassWeights.Equal();
      case BALANCED -> new ClassWeights.Balanced();
      default -> {
        try {
          yield new ClassWeights.Given(
              Stream.of(text.split(",", -1)).map(each -> Float.valueOf(each.strip())).toList());
        } catch (NumberFormatException e) {
          throw new IllegalArgumentException(
              "'%s' is neither %s nor %s nor numbers with commas, one for each class"
                  .formatted(text, NONE, BALANCED),
              e);
        }
      }
    };
  }

  private Validation validation() {
    return new Validation(
        given("validation-split", SpecReader::number, Validation.NONE.share()),
        given("early-stopping", SpecReader::patience, Validation.NONE.patience()));
  }

  /// Epochs to wait for, or none.
  private static int patience(String text) {
    if (text.strip().equals(NONE)) {
      return 0;
    }
    int epochs = integer(text);
    if (epochs < 1) {
      throw new IllegalArgumentException(
          "must be at least 1 epoch, or %s: %s".formatted(NONE, text));
    }
    return epochs;
  }

  private static void requireProtected(Mode mode, Shield shield, PrivacyConfig privacy) {
    if (shield.masks()
        && mode != Mode.TRUSTED_ONLY
        && !privacy.protect().contains(Channel.GRADIENTS)) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.MASKS_UNPROTECTED,
              "masks hide residuals and gradients, and both are accounted for"));
    }
  }

  private TrainConfig.Optimizer optimizer(TrainConfig.Optimizer defaults) {
    return new TrainConfig.Optimizer(
        defaults.algorithm(),
        given("learning-rate", SpecReader::decimal, defaults.learningRate()),
        given("momentum", SpecReader::decimal, defaults.momentum()),
        given("weight-decay", SpecReader::decimal, defaults.weightDecay()),
        given("schedule", choice(Schedule.values(), SpecWriter::label), defaults.schedule()),
        given("warm-up-epochs", SpecReader::number, defaults.warmUpEpochs()),
        list("milestones", SpecReader::integer, defaults.milestones()),
        given("step-factor", SpecReader::decimal, defaults.factor()));
  }

  private NoiseStrength noise(PrivacyConfig privacy, Shield shield) {
    @Nullable Double ratio = optional(NOISE_RATIO, SpecReader::number);
    @Nullable Double multiplier = optional(NOISE_MULTIPLIER, SpecReader::number);
    if (ratio != null && multiplier != null) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.NOISE_GIVEN_TWICE,
              "a noise ratio and a noise multiplier say the same in two ways"));
    }
    boolean zero = (ratio != null && ratio == 0) || (multiplier != null && multiplier == 0);
    if (zero && privacy.target() != null) {
      throw new InvalidSpecException(
          Finding.of(Finding.Kind.TARGET_WITHOUT_NOISE, "no noise meets a target epsilon"));
    }
    if (ratio != null) {
      return ratio(ratio);
    }
    if (multiplier != null) {
      return zero ? new NoiseStrength.None() : new NoiseStrength.Multiplier(multiplier);
    }
    return Defaults.noise(privacy, shield);
  }

  private static NoiseStrength ratio(double rho) {
    return rho == 0 ? new NoiseStrength.None() : new NoiseStrength.Ratio(rho);
  }

  private Shield shield() {
    boolean shares =
        given("shield", choice(List.of("residual", SHARES), text -> text), "residual")
            .equals(SHARES);
    double positions = given("weight-gradient", SpecReader::positions, 1.0);
    if (!shares && positions != 1) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.SAMPLED_WITHOUT_MASKS,
              "weight-gradient",
              "is sampled under masks only: otherwise the worker computes weight gradients"));
    }
    return shares ? new Shield.Shares(positions) : new Shield.Residual();
  }

  private PrivacyConfig privacy(Shield shield, Architecture model) {
    @Nullable Epsilon target = optional("target-epsilon", text -> new Epsilon(number(text)));
    if (given(DP_SGD, SpecReader::flag, false)) {
      return dpSgd(target, model);
    }
    if (shield.masks()
        && !settings.values().containsKey(DP_SGD)
        && given("protect", SpecReader::channels, Set.of()).contains(Channel.WEIGHTS)) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "protect",
              "all channels of two workers are protected by DP-SGD: give --dp-sgd (without it,"
                  + " --no-dp-sgd, layers are bounded one by one, and the noise is some 70 times as"
                  + " large)"));
    }
    for (String key : DP_SGD_SETTINGS) {
      if (settings.values().containsKey(key)) {
        throw new InvalidSpecException(
            Finding.of(Finding.Kind.CONTRADICTION, key, "is a setting of DP-SGD, which is off"));
      }
    }
    Set<Channel> protect = given("protect", SpecReader::channels, Defaults.protect(target, shield));
    return new PrivacyConfig(
        protect,
        target,
        given("delta", text -> new Delta(number(text)), DEFAULTS.training().privacy().delta()),
        given("sampling", choice(Drawing.values(), Drawing::label), Defaults.drawing(protect)),
        given("basis", choice(Basis.values(), Basis::label), Defaults.basis(protect)),
        given("clip", Clip::parse, Defaults.clip(protect)));
  }

  private PrivacyConfig dpSgd(@Nullable Epsilon target, Architecture model) {
    DpSgd defaults = DpSgd.DEFAULT;
    boolean augment = given("augment", SpecReader::flag, true);
    PrivacyConfig privacy =
        PrivacyConfig.of(
            new DpSgd(
                given(LOGICAL_BATCH_SIZE, SpecReader::integer, defaults.logicalBatchSize()),
                given(MAX_GRAD_NORM, SpecReader::number, defaults.maxGradNorm()),
                given(
                    AUGMENTATION_MULTIPLICITY,
                    SpecReader::integer,
                    augment ? Defaults.views(model.name()) : 1),
                given(WEIGHT_AVERAGE, SpecReader::number, defaults.weightAverage()),
                given(MASKS_SHARE, SpecReader::number, defaults.masksShare()),
                perExample(),
                given(PER_EXAMPLE_MEMORY, SpecReader::bytes, defaults.memoryBytes())),
            target,
            given("delta", text -> new Delta(number(text)), DEFAULTS.training().privacy().delta()));
    requireImplied("protect", SpecReader::channels, privacy.protect());
    requireImplied("sampling", choice(Drawing.values(), Drawing::label), privacy.drawing());
    requireImplied("basis", choice(Basis.values(), Basis::label), privacy.basis());
    requireImplied("clip", Clip::parse, privacy.clip());
    return privacy;
  }

  /// Several views of an image are of use where they differ.
  private boolean augment(boolean otherwise, @Nullable DpSgd dpSgd) {
    boolean several = dpSgd != null && dpSgd.views() > 1;
    boolean augment = given("augment", SpecReader::flag, otherwise || several);
    if (several && !augment) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              AUGMENTATION_MULTIPLICITY,
              "above 1 needs augmentation: without it, all views of an image are alike"));
    }
    return augment;
  }

  /// The method asked for, null for the fastest.
  private @Nullable PerExampleMethod perExample() {
    List<String> methods =
        Stream.concat(
                Stream.of(AUTO),
                Stream.of(
                        PerExampleMethod.STORED,
                        PerExampleMethod.GHOST,
                        PerExampleMethod.RECOMPUTED)
                    .map(PerExampleMethod::label))
            .toList();
    String method = given(PER_EXAMPLE, choice(methods, text -> text), AUTO);
    return method.equals(AUTO) ? null : PerExampleMethod.valueOf(method.toUpperCase(Locale.ROOT));
  }

  /// Nothing that is set is silently ignored.
  private <T> void requireImplied(String key, Form<T> form, T implied) {
    T value = given(key, form, implied);
    if (!value.equals(implied)) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              key,
              "does not go with DP-SGD, which protects all channels, samples by Poisson and has one"
                  + " clip norm for all gradients"));
    }
  }

  private <T> T given(String key, Form<T> form, T otherwise) {
    T value = optional(key, form);
    return value == null ? otherwise : value;
  }

  private <T> @Nullable T optional(String key, Form<T> form) {
    if (!settings.values().containsKey(key)) {
      return null;
    }
    try {
      return form.parse(settings.text(key));
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(
          Finding.of(Finding.Kind.UNREADABLE, key, String.valueOf(e.getMessage())));
    }
  }

  /// A list as such, whose elements may hold commas, or as text with a comma between elements.
  private <T> List<T> list(String key, Form<T> element, List<T> otherwise) {
    return given(
        key,
        text -> {
          Stream<String> elements =
              settings.values().get(key) instanceof List<?> list
                  ? list.stream().map(String::valueOf)
                  : text.isEmpty() ? Stream.empty() : Stream.of(text.split(",", -1));
          return elements.map(element::parse).toList();
        },
        otherwise);
  }

  private static <T> Form<T> choice(T[] choices, Function<? super T, String> label) {
    return choice(Arrays.asList(choices), label);
  }

  private static <T> Form<T> choice(List<T> choices, Function<? super T, String> label) {
    return text ->
        choices.stream()
            .filter(choice -> label.apply(choice).equals(text))
            .findFirst()
            .orElseThrow(() -> none(text, choices.stream().map(label).toList()));
  }

  private static IllegalArgumentException none(String text, List<String> choices) {
    return new IllegalArgumentException(
        "'%s' is none of %s".formatted(text, String.join(", ", choices)));
  }

  private static List<String> layers(String text) {
    return text.equals(NONE) ? List.of() : List.of(text.split(",", -1));
  }

  private static Set<Channel> channels(String text) {
    Set<Channel> channels = EnumSet.noneOf(Channel.class);
    for (String name : text.split(",", -1)) {
      switch (name) {
        case NONE -> {}
        case "residuals" -> channels.addAll(Defaults.with(Channel.RESIDUALS));
        case "gradients" -> channels.addAll(Defaults.with(Channel.GRADIENTS));
        case "weights", ALL -> channels.addAll(Defaults.with(Channel.WEIGHTS));
        default -> throw none(name, List.of(NONE, "residuals", "gradients", "weights", ALL));
      }
    }
    return channels;
  }

  private static double positions(String text) {
    Double share =
        text.equals(EXACT)
            ? Double.valueOf(1)
            : text.startsWith(SAMPLED) ? share(text.substring(SAMPLED.length())) : null;
    if (share == null || !(share > 0 && share <= 1)) {
      throw new IllegalArgumentException(
          "'" + text + "' is neither exact nor sampled: with a share such as sampled:1/4");
    }
    return share;
  }

  private static @Nullable Double share(String text) {
    String[] parts = text.split("/", -1);
    try {
      return switch (parts.length) {
        case 1 -> Double.valueOf(parts[0]);
        case 2 -> Double.parseDouble(parts[0]) / Double.parseDouble(parts[1]);
        default -> null;
      };
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private Decoding.@Nullable Window window() {
    Optional<Decoding.Window> none = Optional.empty();
    return given(
            WINDOW,
            text -> text.strip().equals(FULL) ? none : Optional.of(Decoding.Window.parse(text)),
            none)
        .orElse(null);
  }

  /// A size of images, or as they are stored.
  private static int imageSize(String text) {
    if (text.strip().equals(STORED)) {
      return 0;
    }
    int size = integer(text);
    if (size < 1 || size > Decoding.MOST_SIZE) {
      throw new IllegalArgumentException(
          "must be 1 to %s pixels, or %s: %s".formatted(Decoding.MOST_SIZE, STORED, text));
    }
    return size;
  }

  private static long imageCache(String text) {
    if (text.strip().equals(ALL)) {
      return Long.MAX_VALUE;
    }
    long bytes = bytes(text);
    if (bytes < 0) {
      throw new IllegalArgumentException("must be at least 0 bytes: " + text);
    }
    return bytes;
  }

  /// A number of bytes, such as 1073741824, 512M or 2G.
  private static long bytes(String text) {
    String number = text.strip();
    int shift =
        switch (number.isEmpty() ? ' ' : number.charAt(number.length() - 1)) {
          case 'K' -> 10;
          case 'M' -> 20;
          case 'G' -> 30;
          default -> 0;
        };
    try {
      return Math.multiplyExact(
          Long.parseLong(shift == 0 ? number : number.substring(0, number.length() - 1)),
          1L << shift);
    } catch (NumberFormatException | ArithmeticException e) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a number of bytes such as 512M or 2G", e);
    }
  }

  private static int integer(String text) {
    try {
      return Integer.parseInt(text.strip());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not a whole number", e);
    }
  }

  private static long seed(String text) {
    try {
      return Long.parseLong(text.strip());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not a whole number", e);
    }
  }

  private static double number(String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not a number", e);
    }
  }

  private static float decimal(String text) {
    try {
      return Float.parseFloat(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not a number", e);
    }
  }

  private static boolean flag(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw none(text, List.of("true", "false"));
    };
  }
}
