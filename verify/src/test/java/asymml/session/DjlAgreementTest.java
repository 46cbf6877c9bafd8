package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainedModel;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The file that `asymml export` writes opens in DJL. In this module no other test uses ONNX
/// Runtime: DJL insists on creating its environment itself.
class DjlAgreementTest {
  private static final int IMAGES = 16;

  @TempDir Path folder;

  @BeforeAll
  static void stay_offline() {
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("OPT_OUT_TRACKING", "true");
  }

  @ParameterizedTest
  @ValueSource(strings = {"cnn", "resnet20", "mobilenetv2"})
  void an_exported_run_gives_in_djl_the_logits_that_it_gives_here(String model) throws Exception {
    TrainingSpec spec =
        TrainingSpec.defaults()
            .withModel(model)
            .withMode(Mode.TRUSTED_ONLY)
            .withLimits(64, IMAGES)
            .withBatchSize(32)
            .withEpochs(1);
    DataSet data;
    try (TrainingSession session = TrainingSession.create(spec, folder.resolve("run"))) {
      data = session.run().data();
      session.train();
    }
    Path file = folder.resolve("model.onnx");
    byte[] pixels = pixels(data.test());
    try (TrainedRun run = TrainedRun.open(folder.resolve("run"))) {
      run.export(ModelFormat.ONNX, file);
      float[] here = logits(run.model(), pixels);
      float[] inDjl = djl(file, data.test().shape(), pixels);
      assertThat(inDjl).hasSameSizeAs(here);
      float largest = 1;
      for (float logit : here) {
        largest = Math.max(largest, Math.abs(logit));
      }
      for (int i = 0; i < here.length; i++) {
        assertThat(inDjl[i]).isCloseTo(here[i], within(1e-5f * largest));
      }
    }
  }

  private static byte[] pixels(ImageSet images) {
    int size = images.shape().size();
    byte[] one = new byte[size];
    byte[] all = new byte[images.size() * size];
    for (int i = 0; i < images.size(); i++) {
      images.pixels(i, one);
      System.arraycopy(one, 0, all, i * size, size);
    }
    return all;
  }

  private static float[] logits(TrainedModel model, byte[] pixels) {
    Shape shape = model.description().input();
    int classes = model.graph().classes();
    float[] all = new float[IMAGES * classes];
    try (Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 1);
        Arena arena = Arena.ofConfined()) {
      Tensor input = Tensor.allocate(arena, 1, shape.height(), shape.width(), shape.channels());
      for (int i = 0; i < IMAGES; i++) {
        model
            .description()
            .normalization()
            .apply(Arrays.copyOfRange(pixels, i * shape.size(), (i + 1) * shape.size()), input);
        System.arraycopy(evaluator.logits(input).toArray(), 0, all, i * classes, classes);
      }
    }
    return all;
  }

  private static float[] djl(Path file, Shape shape, byte[] pixels) throws Exception {
    try (ZooModel<NDList, NDList> model =
            Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optEngine("OnnxRuntime")
                .optModelPath(file)
                .build()
                .loadModel();
        Predictor<NDList, NDList> predictor = model.newPredictor();
        NDManager manager = model.getNDManager().newSubManager()) {
      NDArray images =
          manager.create(
              ByteBuffer.wrap(pixels),
              new ai.djl.ndarray.types.Shape(
                  IMAGES, shape.height(), shape.width(), shape.channels()),
              DataType.UINT8);
      return predictor.predict(new NDList(images)).singletonOrThrow().toFloatArray();
    }
  }
}
