export * from './tensor/array.ts'
