package dev.kerneltracer.analysis;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A kernel's name with what is expected of it, from `src/test/resources/kernels`.
///
/// @param process the project known to be in the process, or none
record KernelNames(Map<String, String> process, String group, String source, String kernel) {
  static List<KernelNames> all() {
    List<KernelNames> names = new ArrayList<>(read("trace_kernels.tsv"));
    names.addAll(read("known_kernels.tsv"));
    return names;
  }

  private static List<KernelNames> read(String file) {
    List<KernelNames> names = new ArrayList<>();
    String resource = "/kernels/" + file;
    try (InputStream bytes =
            Objects.requireNonNull(KernelNames.class.getResourceAsStream(resource), resource);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] cells = line.split("\t", -1);
        Map<String, String> process = cells[0].equals("-") ? Map.of() : Map.of(cells[0], "");
        names.add(new KernelNames(process, cells[1], cells[2], cells[3]));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names;
  }
}
