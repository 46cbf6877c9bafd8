package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.serve.ServerMetrics.Endpoint;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServerMetricsTest {
  @Test
  void requests_are_counted_by_endpoint_and_status_and_their_times_add_up() {
    ServerMetrics metrics = new ServerMetrics();
    metrics.answered(Endpoint.INFER, 200, 2_000_000);
    metrics.answered(Endpoint.INFER, 200, 60_000_000_000L);
    metrics.answered(Endpoint.CLASSIFY, 415, 500);
    metrics.classified(3);
    assertThat(metrics.text(Map.of("asymml_ready", 1L)).lines())
        .contains(
            "asymml_requests_total{endpoint=\"infer\",status=\"200\"} 2",
            "asymml_requests_total{endpoint=\"classify\",status=\"415\"} 1",
            "asymml_request_seconds_bucket{endpoint=\"infer\",le=\"0.001\"} 0",
            "asymml_request_seconds_bucket{endpoint=\"infer\",le=\"0.0025\"} 1",
            "asymml_request_seconds_bucket{endpoint=\"infer\",le=\"30.0\"} 1",
            "asymml_request_seconds_bucket{endpoint=\"infer\",le=\"+Inf\"} 2",
            "asymml_request_seconds_sum{endpoint=\"infer\"} 60.002",
            "asymml_request_seconds_count{endpoint=\"infer\"} 2",
            "asymml_images_total 3",
            "# TYPE asymml_ready gauge",
            "asymml_ready 1")
        .allMatch(line -> line.matches("# TYPE [a-z_]+ [a-z]+|[a-z_]+(\\{[^}]*\\})? [0-9.E-]+"));
  }

  @Test
  void limits_have_ranges() {
    Duration second = Duration.ofSeconds(1);
    assertThatThrownBy(() -> new ServeLimits(0, 1024, 1, second, Duration.ZERO))
        .hasMessage("images in the queue must be 1 to 65536: 0");
    assertThatThrownBy(() -> new ServeLimits(1, 1023, 1, second, Duration.ZERO))
        .hasMessage("bytes of a body must be 1024 to 1073741824: 1023");
    assertThatThrownBy(() -> new ServeLimits(1, 1024, 0, second, Duration.ZERO))
        .hasMessage("connections must be 1 to 65536: 0");
    assertThatThrownBy(() -> new ServeLimits(1, 1024, 1, Duration.ZERO, Duration.ZERO))
        .hasMessage("a request may take 1 to 3600 s: 0");
    assertThatThrownBy(() -> new ServeLimits(1, 1024, 1, second, second.plusMillis(1)))
        .hasMessage("a batch waits 0 to 1000 ms for further images: 1001");
    assertThatThrownBy(() -> new ServeSpec("localhost", 65536, null, ServeLimits.DEFAULT))
        .hasMessage("a port is 0 to 65535: 65536");
  }

  @Test
  void bodies_share_a_budget_and_give_it_back_once() {
    ByteBudget budget = new ByteBudget(10);
    ByteBudget.Share a = budget.share();
    ByteBudget.Share b = budget.share();
    assertThat(a.add(6)).isTrue();
    assertThat(b.add(5)).isFalse();
    assertThat(b.add(4)).isTrue();
    assertThat(budget.taken()).isEqualTo(10);
    a.close();
    a.close();
    assertThat(budget.taken()).isEqualTo(4);
    assertThat(a.add(1)).isFalse();
    b.close();
    assertThat(budget.taken()).isZero();
  }
}
