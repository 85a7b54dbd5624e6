export {
  checkLabels,
  parseSize,
  UnreadableSample,
  type Dataset,
  type LoadOptions,
  type Sample,
  type Size,
  type Skipped,
  type Source,
} from './dataset.ts'
export { decodeImage, isImageFile } from './image-files.ts'
export { readClassIndex, type ClassIndex } from './labels.ts'
export { datasetNames, knownForms, loadDataset, registerDataset, type DatasetLoader } from './load.ts'
export { npyFromBytes, openNpy, writeNpy } from './npy.ts'
export { preparePicture } from './picture.ts'
export { encodePng, writePng } from './png.ts'
export { toDataset } from './select.ts'
export { writeFileAtomic } from './write-file.ts'
