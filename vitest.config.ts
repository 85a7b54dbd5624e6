import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const autodiff = (file: string) => fileURLToPath(new URL(`packages/autodiff/src/${file}`, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests see the source as it is, and one copy of it: classes compared by identity would differ between two.
    alias: [
      { find: /^@saddlepoint\/autodiff$/, replacement: autodiff('index.ts') },
      { find: /^#runtime$/, replacement: autodiff('runtime/node.ts') },
    ],
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
