package asymml.trusted.train;

import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.stage.PartialGradients;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/// A stage whose parts are computed here, one after the other.
final class LocalStage implements GradientStage, AutoCloseable {
  private final List<ImageSet> parts = new ArrayList<>();
  private final List<Integer> firsts = new ArrayList<>();
  private final List<PartialGradients> members = new ArrayList<>();
  private final DataSet data;
  private final PoissonDraw draw = new PoissonDraw(new SecureRandom());
  final List<Sums> sums = new ArrayList<>();
  Consumer<Step> before = _ -> {};

  /// Images that end a part at each of some places.
  LocalStage(TrainConfig config, DataSet data, int... ends) {
    this.data = data;
    int from = 0;
    for (int end : ends) {
      int first = from;
      int[] numbers = IntStream.range(first, end).toArray();
      if (numbers.length > 0) {
        parts.add(part(data.train(), numbers));
        firsts.add(first);
        members.add(member(config, data));
      }
      from = end;
    }
  }

  private static ImageSet part(ImageSet whole, int[] numbers) {
    int size = whole.shape().size();
    byte[] pixels = new byte[numbers.length * size];
    byte[] image = new byte[size];
    for (int i = 0; i < numbers.length; i++) {
      whole.pixels(numbers[i], image);
      System.arraycopy(image, 0, pixels, i * size, size);
    }
    int[] labels = Arrays.stream(numbers).map(whole::label).toArray();
    return ImageSet.of(whole.shape(), whole.classNames(), labels, pixels).numbered(numbers);
  }

  static PartialGradients member(TrainConfig config, DataSet data) {
    Normalization normalization =
        config.privacy().accounted()
            ? Normalization.constant(data.train().shape().channels())
            : data.normalization();
    DpSgd dpSgd = config.privacy().dpSgd();
    Augmentation augmentation = config.augment() ? data.augmentation() : Augmentation.none();
    return new PartialGradients(
        config,
        TrainedModel.Description.of(config.model(), config.norm(), data.train(), normalization),
        augmentation.withViews(dpSgd == null ? 1 : dpSgd.views()),
        config.batchSize());
  }

  /// The data as whoever has a stage knows them.
  static DataSet elsewhere(DataSet data) {
    return new DataSet(
        data.name(),
        elsewhere(data.train()),
        elsewhere(data.test()),
        data.normalization(),
        data.flip(),
        data.cropPadding());
  }

  private static ImageSet elsewhere(ImageSet images) {
    return ImageSet.elsewhere(images.shape(), images.classNames(), images.size(), images.digest());
  }

  @Override
  public Sums gradients(Step step, float[] parameters) throws TrainingException {
    before.accept(step);
    Sums sum = Sums.zero(members.getFirst().values());
    for (int p = 0; p < parts.size(); p++) {
      ImageSet part = parts.get(p);
      int first = firsts.get(p);
      Draws draws = step.draws();
      int[] order =
          draws != null
              ? members.get(p).drawn(draw, draws, part.size())
              : step.examples().stream()
                  .mapToInt(i -> i - first)
                  .filter(i -> i >= 0 && i < part.size())
                  .toArray();
      if (order.length > 0) {
        sum = sum.plus(members.get(p).sum(parameters, part, order, step.augmentationSeed()));
      }
    }
    sums.add(sum);
    return sum;
  }

  @Override
  public Score score(float[] parameters) throws TrainingException {
    Evaluator.Score score = members.getFirst().score(parameters, data.test());
    return new Score(score.loss(), score.accuracy());
  }

  @Override
  public void close() {
    members.forEach(PartialGradients::close);
  }
}
