import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { programOptions } from './options.ts'

const program = join(import.meta.dirname, 'main.ts')

/** Starts the program; resolves with its address and the lines until then. */
async function started(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=@latchkey/source', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    const [, origin] = /^Ready: (\S+)$/.exec(line) ?? []
    if (origin !== undefined) return { child, lines, origin }
  }
  throw new Error(`It has ended:\n${lines.join('\n')}`)
}

describe('npx @latchkey/testing', () => {
  it('starts every emulator, lists the addresses on a page and in the terminal, and ends when it is told to', async () => {
    const { child, lines, origin } = await started('--port', '0', '--token-seconds', '30')
    const page = await (await fetch(origin)).text()
    const providers = (await (await fetch(`${origin}/providers.json`)).json()) as Record<
      string,
      { readonly tokenEndpoint?: string; readonly resourceOrigins: readonly string[] }
    >
    expect(Object.keys(providers)).toEqual(['spotify', 'exbo', 'nadeo', 'trackmania', 'auth0', 'bitfount'])
    for (const { resourceOrigins } of Object.values(providers)) {
      for (const address of resourceOrigins) {
        expect(page).toContain(`href="${address}"`)
        expect(lines.join('\n')).toContain(address)
      }
    }
    const body = new URLSearchParams({ grant_type: 'client_credentials' })
    const authorization = `Basic ${btoa('any-client:any-secret')}`
    const reply = await fetch(providers.spotify?.tokenEndpoint ?? '', {
      method: 'POST',
      headers: { authorization },
      body,
    })
    expect(await reply.json()).toMatchObject({ expires_in: 30 })
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('starts some alone', async () => {
    const { lines } = await started('--port', '0', '--only', 'exbo,nadeo')
    expect(lines.filter((line) => line.includes(' for ')).map((line) => line.split(' ')[0])).toEqual([
      ...['EXBO', 'EXBO', 'Nadeo', 'Nadeo', 'Nadeo'],
    ])
  })

  it.each([
    [['--only', 'spotfy'], /no emulator "spotfy"/],
    [['--port', 'x'], /--port must be a whole number/],
    [['--token-seconds', '0'], /--token-seconds must be/],
    [['--prot', '1'], /prot/],
  ])('refuses %j', (args, message) => {
    expect(() => programOptions(args)).toThrow(message)
  })

  it('says how it is used', () => {
    expect(programOptions(['--help'])).toBe('help')
  })
})
