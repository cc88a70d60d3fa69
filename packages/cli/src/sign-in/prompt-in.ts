import { renderUnicodeCompact } from 'uqr'
import type { Prompt, PromptTexts } from './request.ts'
import { draw, say, type Terminal } from './terminal.ts'

/** Tells the person in the terminal what to do. */
export function promptIn(
  terminal: Terminal,
  { visit, device }: Pick<PromptTexts, 'visit' | 'device'>,
): (prompt: Prompt) => void {
  return (prompt) => {
    if (prompt.via !== 'device') {
      say(terminal, filled(visit, { url: prompt.url }))
      return
    }
    say(terminal, filled(device, { code: prompt.userCode, url: prompt.verificationUri }))
    if ((terminal.output ?? process.stderr).isTTY) draw(terminal, renderUnicodeCompact(prompt.url))
  }
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
