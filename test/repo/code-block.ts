import { read } from './source-files.ts'

/** The first program of a Markdown file, given as a path from the top folder. */
export function firstCodeBlock(file: string): string {
  const block = /^```[jt]s\n([\s\S]*?)^```$/m.exec(read(file))?.[1]
  if (block === undefined) throw new Error(`${file} shows no program.`)
  return block
}
