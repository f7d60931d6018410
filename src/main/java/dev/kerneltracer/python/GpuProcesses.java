package dev.kerneltracer.python;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Who holds memory of the GPUs, and which CUDA the driver can run, as `nvidia-smi` tells.
///
/// @param holders none where there is no `nvidia-smi`
/// @param newestCuda such as `13.0`; null where unknown
public record GpuProcesses(List<Holder> holders, @Nullable String newestCuda) {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final Pattern CUDA = Pattern.compile("CUDA Version:\\s*(\\d+\\.\\d+)");
  private static final int FIELDS = 3;

  public GpuProcesses {
    holders = List.copyOf(holders);
  }

  /// One process; in a container it may be a number of the host's.
  ///
  /// @param memory as nvidia-smi writes it: `1024 MiB`
  public record Holder(long pid, String name, String memory) {}

  /// Asks; never fails.
  public static GpuProcesses ofThisMachine(Map<String, String> environment) {
    List<Path> programs = ExecutablePath.of(environment).all("nvidia-smi");
    if (programs.isEmpty()) {
      return new GpuProcesses(List.of(), null);
    }
    String program = programs.getFirst().toString();
    List<Holder> holders = new ArrayList<>();
    String table =
        ask(
            List.of(
                program,
                "--query-compute-apps=pid,process_name,used_memory",
                "--format=csv,noheader"),
            environment);
    for (String line : table.lines().toList()) {
      String[] fields = line.split(",", FIELDS);
      if (fields.length == FIELDS && fields[0].strip().matches("\\d{1,18}")) {
        holders.add(
            new Holder(Long.parseLong(fields[0].strip()), fields[1].strip(), fields[2].strip()));
      }
    }
    Matcher matcher = CUDA.matcher(ask(List.of(program), environment));
    return new GpuProcesses(holders, matcher.find() ? matcher.group(1) : null);
  }

  /// Whether the driver is too old for programs that were built for a CUDA: a newer minor version
  /// of the same major runs all the same.
  public boolean isOlderThan(String cuda) {
    return newestCuda != null && major(newestCuda) < major(cuda);
  }

  private static int major(String version) {
    Matcher matcher = Pattern.compile("^(\\d{1,4})").matcher(version);
    return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
  }

  private static String ask(List<String> command, Map<String, String> environment) {
    try {
      TimedCommand.Answer answer = TimedCommand.run(command, environment, LIMIT);
      return answer.isOk() ? answer.output() : "";
    } catch (IOException e) {
      return "";
    }
  }
}
