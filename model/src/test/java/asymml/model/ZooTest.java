package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo.Norm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ZooTest {
  private static final Shape CIFAR = new Shape(32, 32, 3);

  /// Trained parameters, counted by hand from the papers' tables: convolutions without bias, two
  /// values per normalised channel, one linear layer with bias (three for ImageNet VGG).
  @ParameterizedTest
  @CsvSource({
    "resnet20, 32, 10, 269722",
    "resnet18, 32, 10, 11173962",
    "resnet34, 32, 10, 21282122",
    "vgg16, 32, 10, 14724042",
    "resnet18, 224, 1000, 11689512",
    "resnet34, 224, 1000, 21797672",
    "resnet50, 224, 1000, 25557032",
    "mobilenetv2, 224, 1000, 3504872",
    "wrn16-4, 32, 10, 2748890",
  })
  void trained_parameters_match_the_published_models(
      String name, int side, int classes, long count) {
    Graph graph = Zoo.build(name, new Shape(side, side, 3), classes, Norm.BATCH);
    long trained =
        graph.parameters().stream()
            .filter(p -> p.kind().trained())
            .mapToLong(Parameter::size)
            .sum();
    assertThat(trained).isEqualTo(count + (name.equals("resnet20") ? downsampleOfOptionB() : 0));
  }

  /// The published ResNet-20 (0.27 M) has parameter-free shortcuts; ours has projections.
  private static long downsampleOfOptionB() {
    return 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64;
  }

  @Test
  void every_model_builds_with_both_norms_and_ends_in_the_classes() {
    for (String name : Zoo.names()) {
      for (Norm norm : Norm.values()) {
        assertThat(Zoo.build(name, CIFAR, 7, norm).classes()).as(name).isEqualTo(7);
      }
    }
  }

  /// 3x3 x 243 x 64, 3x3 x 64 x 64, and 1024 x 10 with bias.
  @Test
  void scatter_cnn_has_187_thousand_parameters_and_3_million_multiply_adds() {
    Graph graph = Zoo.build("scatter-cnn", CIFAR, 10, Norm.BATCH);
    assertThat(graph.parameters().stream().mapToLong(Parameter::size).sum())
        .isEqualTo(139_968 + 36_864 + 10_250);
    assertThat(graph.linearLayers().stream().mapToLong(graph::multiplyAdds).sum())
        .isEqualTo(16 * 139_968 + 16 * 36_864 + 10_240);
    assertThat(graph.shape(0)).isEqualTo(new Shape(8, 8, 243));
    assertThat(Zoo.build("scatter-cnn", new Shape(28, 28, 1), 10, Norm.GROUP).shape(0))
        .isEqualTo(new Shape(7, 7, 81));
  }

  /// torchvision states 300 M for MobileNetV2, and 4.09 G for ResNet-50.
  @Test
  void mobilenetv2_costs_300_million_multiply_adds_and_plans_its_linear_layers_alone() {
    Graph graph = Zoo.build("mobilenetv2", new Shape(224, 224, 3), 1000, Norm.BATCH);
    long all = graph.weightedLayers().stream().mapToLong(graph::multiplyAdds).sum();
    assertThat(all).isBetween(300_000_000L, 301_000_000L);
    assertThat(graph.weightedLayers()).hasSize(53);
    assertThat(graph.linearLayers()).hasSize(53 - 17);
    Graph resnet = Zoo.build("resnet50", new Shape(224, 224, 3), 1000, Norm.BATCH);
    assertThat(resnet.linearLayers().stream().mapToLong(resnet::multiplyAdds).sum())
        .isBetween(4_080_000_000L, 4_100_000_000L);
  }

  @Test
  void group_norm_models_hold_no_running_statistics() {
    assertThat(Zoo.build("resnet20", CIFAR, 10, Norm.GROUP).parameters())
        .allMatch(p -> p.kind().trained());
  }

  @Test
  void vgg16_forward_costs_313_million_multiply_adds_on_cifar() {
    Graph graph = Zoo.build("vgg16", CIFAR, 10, Norm.BATCH);
    long sum = graph.linearLayers().stream().mapToLong(graph::multiplyAdds).sum();
    assertThat(sum).isEqualTo(313_201_664L);
  }

  @Test
  void images_too_small_for_a_model_are_refused_by_the_layers_name() {
    assertThatThrownBy(() -> Zoo.build("vgg16", new Shape(28, 28, 1), 10, Norm.BATCH))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pool5")
        .hasMessageContaining("too small");
  }

  @Test
  void an_unknown_model_is_refused_with_the_list() {
    assertThatThrownBy(() -> Zoo.build("vgg99", CIFAR, 10, Norm.BATCH))
        .hasMessageContaining("vgg99")
        .hasMessageContaining("resnet20");
  }
}
