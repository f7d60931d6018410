package dev.kerneltracer.analysis;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which modules are shown: those in whose class or path the pattern is found, with all that runs
/// inside them, and of the layers only these; what lies in no layer stays.
///
/// @param modules null for all
/// @param layers null for all
public record PathFilter(@Nullable Pattern modules, @Nullable NumberRanges layers) {
  public static final PathFilter ALL = new PathFilter(null, null);

  public boolean isEmpty() {
    return modules == null && layers == null;
  }

  /// What is shown, for people; empty where that is all.
  public String text() {
    String named = modules == null ? "" : "modules that match " + modules;
    String numbered = layers == null ? "" : "layers " + layers;
    return named.isEmpty() || numbered.isEmpty() ? named + numbered : named + ", " + numbered;
  }

  boolean hasModule(String path, String moduleClass) {
    return modules == null || modules.matcher(path).find() || modules.matcher(moduleClass).find();
  }

  /// @param layer a layer's path, empty for none
  boolean hasLayer(String layer) {
    return layers == null
        || layer.isEmpty()
        || layers.has(Integer.parseInt(layer.substring(layer.lastIndexOf('.') + 1)));
  }
}
