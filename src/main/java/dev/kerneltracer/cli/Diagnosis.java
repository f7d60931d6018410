package dev.kerneltracer.cli;

import dev.kerneltracer.UserException;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Candidate;
import dev.kerneltracer.python.DirectoryTree;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.NvidiaDriver;
import dev.kerneltracer.python.TorchDevices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// What `env doctor` found.
///
/// @param torch what the chosen interpreter's torch sees, null where there is no such interpreter
/// @param serving what gets in the way of a server
/// @param missing what keeps a trace from running
/// @param advice what does not keep it, but is worth knowing
/// @param environments of the cache directory: name to size in bytes
record Diagnosis(
    InterpreterSearch.Found found,
    @Nullable TorchDevices torch,
    NvidiaDriver nvidia,
    Machine machine,
    Path cache,
    long cacheFreeBytes,
    Map<String, Long> environments,
    Path hubCache,
    long hubModels,
    ServingDiagnosis serving,
    List<Finding> missing,
    List<Finding> advice) {

  /// @param mend the command or step that mends it, null where there is none
  record Finding(String what, @Nullable String mend) {}

  static Diagnosis make(
      Framework framework,
      Map<String, String> environment,
      @Nullable String python,
      int port,
      Consumer<String> progress) {
    progress.accept("looking for Python");
    InterpreterSearch search = new InterpreterSearch(environment, python);
    InterpreterSearch.Found found = search.lookAround(framework);
    NvidiaDriver nvidia = NvidiaDriver.ofThisMachine(environment);
    List<Finding> missing = new ArrayList<>();
    List<Finding> advice = new ArrayList<>();
    TorchDevices torch = null;
    Interpreter chosen = found.chosen();
    if (chosen == null) {
      missing.addAll(withoutInterpreter(search, found, framework));
    } else {
      progress.accept("asking torch " + chosen.versionOf("torch") + " for devices");
      torch = TorchDevices.seenBy(chosen, environment);
      String untested = framework.untested(chosen);
      if (untested != null) {
        advice.add(new Finding(untested, null));
      }
      judge(chosen, torch, nvidia, missing, advice);
    }
    progress.accept("looking for vLLM processes");
    ServingDiagnosis serving = ServingDiagnosis.make(environment, port);
    advice.addAll(serving.advice(torch));
    progress.accept("measuring the cache directory");
    CacheDirectory cache = CacheDirectory.of(environment);
    Path hub = HubCache.of(environment).root();
    return new Diagnosis(
        found,
        torch,
        nvidia,
        Machine.here(),
        cache.path(),
        freeBytes(cache.path()),
        sizes(cache.environments()),
        hub,
        entries(hub).stream()
            .filter(p -> p.getFileName().toString().startsWith("models--"))
            .count(),
        serving,
        missing,
        advice);
  }

  boolean canTrace() {
    return missing.isEmpty();
  }

  private static List<Finding> withoutInterpreter(
      InterpreterSearch search, InterpreterSearch.Found found, Framework framework) {
    for (Candidate candidate : found.candidates()) {
      if (candidate.origin().isExplicit() && !candidate.serves()) {
        UserException error = search.unusable(candidate, framework);
        return List.of(new Finding(String.valueOf(error.getMessage()), error.hint()));
      }
    }
    UserException obstacle = search.managed(framework).obstacle();
    if (obstacle != null) {
      return List.of(new Finding(String.valueOf(obstacle.getMessage()), obstacle.hint()));
    }
    return List.of(
        new Finding(
            "no Python here has torch and transformers; the first trace makes an environment, or:",
            "kerneltracer env install " + framework.lock().name()));
  }

  private static void judge(
      Interpreter python,
      TorchDevices torch,
      NvidiaDriver nvidia,
      List<Finding> missing,
      List<Finding> advice) {
    String problem = String.valueOf(torch.problem());
    if (!torch.torchWorks()) {
      missing.add(
          new Finding(problem, python.executable() + " -m pip install --force-reinstall torch"));
    } else if (torch.names().isEmpty() && nvidia.isPresent()) {
      advice.add(
          torch.cuda() == null
              ? new Finding(
                  "torch is built without CUDA, so the GPU is not used",
                  python.executable() + " -m pip install --force-reinstall torch")
              : new Finding(
                  "torch (CUDA " + torch.cuda() + ") cannot use the GPU: " + problem,
                  nvidia.deviceFiles().isEmpty()
                      ? "In a container: start it with --gpus all."
                      : "Update the NVIDIA driver, or install a torch for an older CUDA."));
    }
  }

  /// For a person, no line wider than `width` where that can be.
  String text(int width) {
    StringBuilder out = new StringBuilder();
    out.append(EnvListCommand.text(found, width)).append('\n');
    int labels = facts().keySet().stream().mapToInt(String::length).max().orElse(0);
    facts().forEach((label, fact) -> fact(out, label, fact, labels + 2, width));
    for (Finding finding : advice) {
      out.append("\nNote: ").append(finding.what()).append('\n');
      if (finding.mend() != null) {
        out.append("  ").append(finding.mend()).append('\n');
      }
    }
    out.append('\n');
    for (Finding finding : missing) {
      out.append("Missing: ").append(finding.what()).append('\n');
      if (finding.mend() != null) {
        out.append("  ").append(finding.mend().replace("\n", "\n  ")).append('\n');
      }
    }
    if (canTrace()) {
      out.append("A trace can run. Try: kerneltracer trace --model type:qwen3 --tiny\n");
    }
    return out.toString();
  }

  private static void fact(StringBuilder out, String label, String fact, int indent, int width) {
    out.append(label).repeat(' ', indent - label.length());
    int column = indent;
    for (String word : fact.split(" ", -1)) {
      if (column > indent && column + 1 + word.length() > width) {
        out.append('\n').repeat(' ', indent);
        column = indent;
      } else if (column > indent) {
        out.append(' ');
        column++;
      }
      out.append(word);
      column += word.length();
    }
    out.append('\n');
  }

  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("GPUs, by torch", torch == null ? "no torch to ask" : gpusByTorch(torch));
    facts.put(
        "NVIDIA driver",
        nvidia.isPresent()
            ? (nvidia.version() == null ? "not visible" : nvidia.version())
                + ", "
                + (nvidia.gpus().isEmpty()
                    ? "nvidia-smi shows no GPU"
                    : String.join("; ", nvidia.gpus()))
                + ", device files: "
                + nvidia.deviceFiles().size()
            : "none");
    facts.put(
        "CPU and memory",
        machine.cpuCores()
            + " cores ("
            + machine.architecture()
            + "), "
            + size(machine.memoryBytes())
            + ", "
            + size(machine.availableBytes())
            + " available");
    facts.putAll(serving.facts());
    facts.put("Java", java());
    facts.put("cache directory", cache + ", " + size(cacheFreeBytes) + " free");
    environments.forEach((name, bytes) -> facts.put("  " + name, size(bytes)));
    facts.put(
        "Hugging Face cache",
        hubCache
            + (Files.isDirectory(hubCache) ? ", " + hubModels + " models" : ", not there yet"));
    return facts;
  }

  private String gpusByTorch(TorchDevices torch) {
    if (torch.names().isEmpty()) {
      return torch.problem() == null || !nvidia.isPresent() ? "none" : "none: " + torch.problem();
    }
    String built = torch.cuda() == null ? "ROCm " + torch.hip() : "CUDA " + torch.cuda();
    return String.join("; ", torch.names()) + " (" + built + ")";
  }

  /// For a program; keys in this order.
  String json() {
    Map<String, @Nullable Object> all = new LinkedHashMap<>();
    all.put("can_trace", canTrace());
    all.put("interpreters", EnvListCommand.rows(found));
    all.put("torch_devices", torch);
    Map<String, @Nullable Object> driver = new LinkedHashMap<>();
    driver.put("version", nvidia.version());
    driver.put("gpus", nvidia.gpus());
    driver.put("device_files", nvidia.deviceFiles().stream().map(Path::toString).toList());
    all.put("nvidia", driver);
    Map<String, @Nullable Object> resources = new LinkedHashMap<>();
    resources.put("cpu_cores", machine.cpuCores());
    resources.put("architecture", machine.architecture());
    resources.put("memory_bytes", machine.memoryBytes());
    resources.put("memory_available_bytes", machine.availableBytes());
    all.put("machine", resources);
    all.put("serving", serving.json());
    all.put("java", java());
    Map<String, @Nullable Object> kept = new LinkedHashMap<>();
    kept.put("directory", cache.toString());
    kept.put("free_bytes", cacheFreeBytes);
    kept.put("environments_bytes", environments);
    all.put("cache", kept);
    all.put("hugging_face_cache", hubCache.toString());
    all.put("missing", missing);
    all.put("advice", advice);
    return new JsonMapper().writerWithDefaultPrettyPrinter().writeValueAsString(all);
  }

  private static String java() {
    return Runtime.version() + ", " + System.getProperty("java.home");
  }

  private static String size(long bytes) {
    return bytes < 1_000_000_000L
        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }

  private static Map<String, Long> sizes(Path directory) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (Path entry : entries(directory)) {
      if (Files.isDirectory(entry)) {
        sizes.put(entry.getFileName().toString(), DirectoryTree.sizeBytes(entry));
      }
    }
    return sizes;
  }

  private static List<Path> entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.sorted().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /// Of the nearest directory that exists: the cache may not have been made yet.
  private static long freeBytes(Path directory) {
    for (Path path = directory; path != null; path = path.getParent()) {
      if (Files.exists(path)) {
        try {
          return Files.getFileStore(path).getUsableSpace();
        } catch (IOException e) {
          return 0;
        }
      }
    }
    return 0;
  }
}
