import { read } from './source-files.ts'

/** The first program of a Markdown file, given as a path from the top folder. */
export function firstCodeBlock(file: string): string {
  const [first] = codeBlocks(file, '[jt]s')
  if (first === undefined) throw new Error(`${file} shows no program.`)
  return first.text
}

/** A program in a Markdown file. */
export interface CodeBlock {
  readonly text: string
  /** Of its first line in the file, from 1. */
  readonly line: number
}

/** Every program of a Markdown file that is marked with a language, given as a regular expression. */
export function codeBlocks(file: string, language: string): readonly CodeBlock[] {
  const markdown = read(file)
  const blocks = markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(({ 1: text = '', index }) => ({
    text,
    line: markdown.slice(0, index).split('\n').length + 1,
  }))
}
