package asymml.untrusted;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Finds the CUDA libraries of this machine, which no artifact of ours contains. Places, in this
/// order; of each set of libraries the first folder that holds all of it counts:
///
/// 1. `--cuda-libs DIR`, and then nothing else: DIR, its `lib` and `lib64`, and what lies in it as
///    in a Python environment's `site-packages`;
/// 2. `LD_LIBRARY_PATH`; `lib64` and `lib` of `CUDA_HOME` and `CUDA_PATH`;
/// 3. the Python environments that the shell has chosen: `VIRTUAL_ENV`, `CONDA_PREFIX`, those of
///    the `PATH`;
/// 4. `/usr/local/cuda*`, `/opt/cuda`, the system's library folders;
/// 5. other Python environments in their usual places: `/usr`, `/usr/local`, `/opt/*`, `~/.local`,
///    `.venv` and `venv` of the working folder.
///
/// In a Python environment the libraries lie in `lib/python3*/site-packages/nvidia/*/lib` (Debian:
/// `dist-packages`).
final class CudaLibraries {
  /// Libraries that belong together, in the order in which they are loaded.
  ///
  /// @param pythonPackage what brings them into a Python environment
  private record Group(String title, String pythonPackage, List<String> files) {}

  private static final List<Group> GROUPS =
      List.of(
          new Group("the CUDA 13 runtime", "nvidia-cuda-runtime", List.of("libcudart.so.13")),
          new Group("cuBLAS 13", "nvidia-cublas", List.of("libcublasLt.so.13", "libcublas.so.13")),
          new Group(
              "cuDNN 9",
              "nvidia-cudnn-cu13",
              List.of(
                  "libcudnn_graph.so.9",
                  "libcudnn_ops.so.9",
                  "libcudnn_adv.so.9",
                  "libcudnn_cnn.so.9")));

  /// What cuDNN compiles some kernels with, if it is there.
  private static final String COMPILER = "libnvrtc.so.13";

  private static final String DRIVER = "libcuda.so.1";

  private final Path root;
  private final Map<String, String> environment;
  private final Path workingFolder;

  /// @param root the root of the file system; another one in tests
  /// @param environment the process's environment
  /// @param workingFolder the process's working folder
  CudaLibraries(Path root, Map<String, String> environment, Path workingFolder) {
    this.root = root;
    this.environment = environment;
    this.workingFolder = workingFolder;
  }

  /// The libraries to load, in order.
  ///
  /// @param given the folder of `--cuda-libs`, or null
  /// @throws DeviceException if one is missing; its line says which, and how to get it
  List<Path> locate(@Nullable Path given) {
    Set<Path> folders = given == null ? usual() : given(given);
    List<Path> libraries = new ArrayList<>();
    List<Group> missing = new ArrayList<>();
    compiler(folders).ifPresent(libraries::add);
    for (Group group : GROUPS) {
      folders.stream()
          .filter(folder -> holds(folder, group.files))
          .findFirst()
          .ifPresentOrElse(
              folder -> group.files.forEach(file -> libraries.add(folder.resolve(file))),
              () -> missing.add(group));
    }
    if (!missing.isEmpty()) {
      throw new DeviceException(describe(missing, given));
    }
    return libraries;
  }

  /// Places of the driver's library besides those that the system's loader knows.
  List<Path> drivers() {
    return Stream.of(
            "usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/local/nvidia/lib64", "usr/lib/wsl/lib")
        .map(folder -> root.resolve(folder).resolve(DRIVER))
        .filter(Files::exists)
        .toList();
  }

  private static Optional<Path> compiler(Set<Path> folders) {
    return folders.stream()
        .map(folder -> folder.resolve(COMPILER))
        .filter(Files::exists)
        .findFirst();
  }

  private static boolean holds(Path folder, List<String> files) {
    return files.stream().allMatch(file -> Files.exists(folder.resolve(file)));
  }

  private static String describe(List<Group> missing, @Nullable Path given) {
    String what =
        String.join(
            " and ",
            missing.stream().map(g -> g.title + " (" + String.join(", ", g.files) + ")").toList());
    String packages = String.join(" ", missing.stream().map(g -> g.pythonPackage).toList());
    return "%s not found in %s: install them (pip install %s), or name their folder with --cuda-libs"
        .formatted(
            what,
            given == null ? "the usual folders and Python environments" : given.toString(),
            packages);
  }

  private static Set<Path> given(Path folder) {
    Set<Path> folders = new LinkedHashSet<>();
    folders.add(folder);
    folders.add(folder.resolve("lib64"));
    folders.add(folder.resolve("lib"));
    addPackages(folder, folders);
    addPackages(folder.resolve(".."), folders);
    addEnvironment(folder, folders);
    return folders;
  }

  private Set<Path> usual() {
    Set<Path> folders = new LinkedHashSet<>();
    paths("LD_LIBRARY_PATH").forEach(folders::add);
    for (String name : List.of("CUDA_HOME", "CUDA_PATH")) {
      paths(name).forEach(home -> addLibraries(home, folders));
    }
    for (String name : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      paths(name).forEach(prefix -> addEnvironment(prefix, folders));
    }
    paths("PATH")
        .filter(bin -> Files.exists(bin.resolve("python3")) && bin.getParent() != null)
        .forEach(bin -> addEnvironment(bin.resolveSibling("."), folders));
    addLibraries(root.resolve("usr/local/cuda"), folders);
    children(root.resolve("usr/local"), "cuda-13*").forEach(home -> addLibraries(home, folders));
    addLibraries(root.resolve("opt/cuda"), folders);
    folders.add(root.resolve("usr/lib/x86_64-linux-gnu"));
    folders.add(root.resolve("usr/lib64"));
    folders.add(root.resolve("usr/local/nvidia/lib64"));
    addEnvironment(root.resolve("usr"), folders);
    addEnvironment(root.resolve("usr/local"), folders);
    children(root.resolve("opt"), "*").forEach(prefix -> addEnvironment(prefix, folders));
    paths("HOME").forEach(home -> addEnvironment(home.resolve(".local"), folders));
    addEnvironment(workingFolder.resolve(".venv"), folders);
    addEnvironment(workingFolder.resolve("venv"), folders);
    return folders;
  }

  private Stream<Path> paths(String variable) {
    return Stream.of(environment.getOrDefault(variable, "").split(":"))
        .filter(text -> text.startsWith("/"))
        .map(Path::of);
  }

  private static void addLibraries(Path home, Set<Path> folders) {
    folders.add(home.resolve("lib64"));
    folders.add(home.resolve("lib"));
  }

  private static void addEnvironment(Path prefix, Set<Path> folders) {
    for (Path python : children(prefix.resolve("lib"), "python3*")) {
      addPackages(python.resolve("site-packages"), folders);
      addPackages(python.resolve("dist-packages"), folders);
    }
    // A conda environment's own packages.
    folders.add(prefix.resolve("lib"));
  }

  private static void addPackages(Path packages, Set<Path> folders) {
    children(packages.resolve("nvidia"), "*").forEach(p -> folders.add(p.resolve("lib")));
  }

  private static List<Path> children(Path folder, String glob) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    List<Path> children = new ArrayList<>();
    try (var entries = Files.newDirectoryStream(folder, glob)) {
      entries.forEach(children::add);
    } catch (IOException e) {
      // A folder that cannot be read holds nothing for this user.
      return List.of();
    } catch (UncheckedIOException e) {
      return children;
    }
    children.sort(null);
    return children;
  }
}
