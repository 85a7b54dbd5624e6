/**
 * Which attributes are floats. JavaScript has one kind of number, ONNX two, and a runtime refuses an
 * `alpha` of 1 that is written as an integer. Taken from the ONNX operator schemas, all versions up to
 * opset 27 and ai.onnx.ml 5; every attribute not listed is an integer, a string, a tensor or a graph.
 */

const standard: Readonly<Record<string, readonly string[]>> = {
  Attention: ['scale', 'softcap'],
  BatchNormalization: ['epsilon', 'momentum'],
  Bernoulli: ['seed'],
  Celu: ['alpha'],
  Clip: ['min', 'max'],
  Constant: ['value_float', 'value_floats'],
  Dropout: ['ratio'],
  Elu: ['alpha'],
  GRU: ['activation_alpha', 'activation_beta', 'clip'],
  Gemm: ['alpha', 'beta'],
  GroupNormalization: ['epsilon'],
  HardSigmoid: ['alpha', 'beta'],
  InstanceNormalization: ['epsilon'],
  LRN: ['alpha', 'beta', 'bias'],
  LSTM: ['activation_alpha', 'activation_beta', 'clip'],
  LayerNormalization: ['epsilon'],
  LeakyRelu: ['alpha'],
  LinearAttention: ['scale'],
  MaxRoiPool: ['spatial_scale'],
  Multinomial: ['seed'],
  // Pad's `value` is a float up to opset 10; Constant's is a tensor and never reaches this table.
  Pad: ['value'],
  RMSNormalization: ['epsilon'],
  RNN: ['activation_alpha', 'activation_beta', 'clip'],
  RandomNormal: ['mean', 'scale', 'seed'],
  RandomNormalLike: ['mean', 'scale', 'seed'],
  RandomUniform: ['high', 'low', 'seed'],
  RandomUniformLike: ['high', 'low', 'seed'],
  Resize: ['cubic_coeff_a', 'extrapolation_value'],
  RoiAlign: ['spatial_scale'],
  Selu: ['alpha', 'gamma'],
  Shrink: ['bias', 'lambd'],
  SwiGLU: ['alpha'],
  Swish: ['alpha'],
  TfIdfVectorizer: ['weights'],
  ThresholdedRelu: ['alpha'],
  Upsample: ['scales', 'height_scale', 'width_scale'],
}

const classical: Readonly<Record<string, readonly string[]>> = {
  Binarizer: ['threshold'],
  Imputer: ['imputed_value_floats', 'replaced_value_float'],
  LabelEncoder: ['default_float', 'keys_floats', 'values_floats'],
  LinearClassifier: ['coefficients', 'intercepts'],
  LinearRegressor: ['coefficients', 'intercepts'],
  SVMClassifier: ['coefficients', 'kernel_params', 'prob_a', 'prob_b', 'rho', 'support_vectors'],
  SVMRegressor: ['coefficients', 'kernel_params', 'rho', 'support_vectors'],
  Scaler: ['offset', 'scale'],
  TreeEnsembleClassifier: ['base_values', 'class_weights', 'nodes_hitrates', 'nodes_values'],
  TreeEnsembleRegressor: ['base_values', 'nodes_hitrates', 'nodes_values', 'target_weights'],
}

/** Operator sets without a schema here (com.microsoft): a name that is a float elsewhere is taken for one. */
const elsewhere = new Set(
  [...Object.values(standard), ...Object.values(classical)].flat().filter((name) => name !== 'value'),
)

/** Lists of strings, which cannot be told from lists of integers when they are empty. */
const stringLists = new Set([
  'activations',
  'cats_strings',
  'classes_strings',
  'classlabels_strings',
  'keys_strings',
  'nodes_modes',
  'pool_strings',
  'string_vocabulary',
  'values_strings',
])

/** Whether a number or list of numbers of this name is a float for the operator. */
export function isFloatAttribute(domain: string, op: string, name: string): boolean {
  if (domain === '') return standard[op]?.includes(name) ?? false
  if (domain === 'ai.onnx.ml') return classical[op]?.includes(name) ?? false
  return elsewhere.has(name)
}

/** Whether an empty list of this name is a list of strings. */
export function isStringList(name: string): boolean {
  return stringLists.has(name)
}
