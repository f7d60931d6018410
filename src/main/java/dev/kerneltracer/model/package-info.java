/// What a model is: a name in the Hugging Face cache, a directory, or a model type.
@NullMarked
package dev.kerneltracer.model;

import org.jspecify.annotations.NullMarked;
