/** Data and a model that do not go together. */
export class ClassifierError extends Error {
  override name = 'ClassifierError'
}
