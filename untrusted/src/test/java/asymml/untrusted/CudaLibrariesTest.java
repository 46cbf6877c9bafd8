package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CudaLibrariesTest {
  private static final List<String> RUNTIME = List.of("libcudart.so.13");
  private static final List<String> BLAS = List.of("libcublasLt.so.13", "libcublas.so.13");
  private static final List<String> DNN =
      List.of("libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcudnn_adv.so.9", "libcudnn_cnn.so.9");

  @TempDir Path root;

  private Path place(String folder, List<String> files) throws IOException {
    Path created = Files.createDirectories(root.resolve(folder));
    for (String file : files) {
      Files.createFile(created.resolve(file));
    }
    return created;
  }

  private void placeWheels(String packages) throws IOException {
    place(packages + "/nvidia/cu13/lib", RUNTIME);
    for (String file : BLAS) {
      Files.createFile(root.resolve(packages + "/nvidia/cu13/lib").resolve(file));
    }
    place(packages + "/nvidia/cudnn/lib", DNN);
  }

  private List<Path> locate(Map<String, String> environment, @Nullable Path given) {
    return new CudaLibraries(root, environment, root.resolve("work")).locate(given);
  }

  private static List<String> names(List<Path> libraries) {
    return libraries.stream().map(l -> l.getFileName().toString()).toList();
  }

  @Test
  void libraries_come_in_the_order_in_which_they_need_each_other() throws IOException {
    placeWheels("usr/local/lib/python3.12/dist-packages");
    Files.createFile(
        root.resolve("usr/local/lib/python3.12/dist-packages/nvidia/cu13/lib/libnvrtc.so.13"));
    assertThat(names(locate(Map.of(), null)))
        .containsExactly(
            "libnvrtc.so.13",
            "libcudart.so.13",
            "libcublasLt.so.13",
            "libcublas.so.13",
            "libcudnn_graph.so.9",
            "libcudnn_ops.so.9",
            "libcudnn_adv.so.9",
            "libcudnn_cnn.so.9");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "env/lib/python3.12/site-packages",
        "conda/lib/python3.11/site-packages",
        "path/lib/python3.13/site-packages",
        "home/.local/lib/python3.10/site-packages",
        "work/.venv/lib/python3.12/site-packages",
        "work/venv/lib/python3.12/site-packages",
        "opt/miniforge/lib/python3.12/site-packages",
        "usr/lib/python3/dist-packages",
      })
  void a_python_environment_is_found_wherever_it_usually_lies(String packages) throws IOException {
    placeWheels(packages);
    place("path/bin", List.of("python3"));
    place("empty/bin", List.of());
    Map<String, String> environment =
        Map.of(
            "VIRTUAL_ENV", root.resolve("env").toString(),
            "CONDA_PREFIX", root.resolve("conda").toString(),
            "HOME", root.resolve("home").toString(),
            "PATH", root.resolve("empty/bin") + ":relative:" + root.resolve("path/bin"));
    assertThat(locate(environment, null))
        .hasSize(7)
        .allMatch(library -> library.normalize().startsWith(root.resolve(packages)));
  }

  @Test
  void each_set_comes_whole_from_the_first_folder_that_holds_all_of_it() throws IOException {
    // The system has half a cuDNN, an environment all of it; the system's runtime is first.
    place("usr/local/cuda-13.1/lib64", RUNTIME);
    place("usr/lib/x86_64-linux-gnu", DNN.subList(0, 2));
    placeWheels("home/.local/lib/python3.12/site-packages");
    List<Path> found = locate(Map.of("HOME", root.resolve("home").toString()), null);
    assertThat(found.getFirst().getParent()).isEqualTo(root.resolve("usr/local/cuda-13.1/lib64"));
    assertThat(found.subList(1, 7)).allMatch(library -> library.startsWith(root.resolve("home")));
  }

  @Test
  void what_the_shell_has_chosen_comes_before_the_system() throws IOException {
    placeWheels("usr/lib/python3/dist-packages");
    placeWheels("env/lib/python3.12/site-packages");
    Path mine = place("mine", RUNTIME);
    List<Path> found =
        locate(
            Map.of(
                "LD_LIBRARY_PATH", mine.toString(), "VIRTUAL_ENV", root.resolve("env").toString()),
            null);
    assertThat(found.getFirst().getParent()).isEqualTo(mine);
    assertThat(found.subList(1, 7)).allMatch(library -> library.startsWith(root.resolve("env")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"env", "env/lib/python3.12/site-packages"})
  void a_given_environment_is_the_only_place_that_counts(String given) throws IOException {
    placeWheels("usr/lib/python3/dist-packages");
    placeWheels("env/lib/python3.12/site-packages");
    assertThat(locate(Map.of(), root.resolve(given)))
        .allMatch(library -> library.normalize().startsWith(root.resolve("env")));
  }

  @Test
  void a_given_folder_of_libraries_serves() throws IOException {
    Path folder = place("all", RUNTIME);
    for (String file : BLAS) {
      Files.createFile(folder.resolve(file));
    }
    place("all/lib64", DNN);
    assertThat(locate(Map.of(), folder)).hasSize(7);
  }

  @Test
  void one_line_names_what_is_missing_and_how_to_get_it() throws IOException {
    placeWheels("usr/lib/python3/dist-packages");
    Path given = place("given", RUNTIME);
    assertThatThrownBy(() -> locate(Map.of(), given))
        .isInstanceOf(DeviceException.class)
        .hasMessage(
            "cuBLAS 13 (libcublasLt.so.13, libcublas.so.13) and cuDNN 9 (libcudnn_graph.so.9,"
                + " libcudnn_ops.so.9, libcudnn_adv.so.9, libcudnn_cnn.so.9) not found in "
                + given
                + ": install them (pip install nvidia-cublas nvidia-cudnn-cu13), or name their"
                + " folder with --cuda-libs");
    Path empty = Files.createDirectories(root.resolve("other/root"));
    assertThatThrownBy(() -> new CudaLibraries(empty, Map.of(), empty).locate(null))
        .hasMessageStartingWith("the CUDA 13 runtime (libcudart.so.13) and cuBLAS 13 (")
        .hasMessageContaining("not found in the usual folders and Python environments: ");
  }

  @Test
  void the_driver_is_looked_for_where_containers_put_it() throws IOException {
    Path folder = place("usr/local/nvidia/lib64", List.of("libcuda.so.1"));
    assertThat(new CudaLibraries(root, Map.of(), root).drivers())
        .containsExactly(folder.resolve("libcuda.so.1"));
  }
}
