import { read } from './source-files.ts'

/** The first TypeScript code block of a Markdown file, given as a path from the top folder. */
export function firstCodeBlock(file: string): string {
  const block = /^```ts\n([\s\S]*?)^```$/m.exec(read(file))?.[1]
  if (block === undefined) throw new Error(`${file} has no TypeScript code block.`)
  return block
}
