export * from './evaluate/result.ts'
