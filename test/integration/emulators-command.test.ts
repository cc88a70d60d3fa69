import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { OAuthClient, type ProviderPreset } from '@latchkey/core'
import * as presets from '@latchkey/core/providers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'
import { type Ending, GuardedChild } from '../guarded-child.ts'
import { callbackOf, redirectUri } from './standalone-client.fixture.ts'

const program = join(import.meta.dirname, '../../packages/testing/dist/command/main.js')

/** The command in a process of its own, until the end of the test. */
class Command {
  readonly process: GuardedChild
  output = ''

  constructor(args: readonly string[]) {
    this.process = new GuardedChild(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.process.child.stdout, this.process.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    onTestFinished(async () => {
      await this.process.stop(10_000)
    })
  }

  /** The address of its page, once it is ready. */
  async page(): Promise<string> {
    await expect.poll(() => this.output).toMatch(/^ready .+\n/m)
    return /^ready (.+)$/m.exec(this.output)?.[1] ?? ''
  }

  /** A preset that it has printed, as an app would have it. */
  preset(name: string): ProviderPreset {
    const code = new RegExp(`^ {2}${name}\\(\\{\n.*?^ {2}\\}\\)`, 'ms').exec(this.output)?.[0] ?? ''
    return runInContext(code, createContext({ ...presets })) as ProviderPreset // what every preset returns
  }
}

/** How the command ends, and what it has printed. */
async function ended(...args: readonly string[]): Promise<readonly [Ending, string]> {
  const command = new Command(args)
  return [await command.process.ended, command.output]
}

describe('npx @latchkey/testing', () => {
  it('serves a page of all emulators, which are where it says', async () => {
    const command = new Command([])
    const reply = await fetch(await command.page())
    const page = await reply.text()
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const links = [...page.matchAll(/<a href="([^"]+)"/g)].map(([, url = '']) => url)
    expect(links.filter((url) => !url.startsWith('http://127.0.0.1:'))).toEqual([])
    const document = links.find((url) => url.endsWith('/.well-known/openid-configuration')) ?? ''
    expect(await (await fetch(document)).json()).toMatchObject({ issuer: `${new URL(document).origin}/` })
    for (const name of ['Spotify', 'EXBO', 'Nadeo', 'Trackmania', 'Auth0', 'Bitfount'])
      expect(page).toContain(`<h2>${name} `)
  })

  it('prints presets with which a program signs in there', async () => {
    const command = new Command([])
    await command.page()
    for (const name of ['spotify', 'exbo', 'trackmania', 'auth0', 'bitfount']) {
      const client = new OAuthClient(command.preset(name))
      onTestFinished(() => client.close())
      const pending = await client.authorizationUrl({ redirectUri })
      const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
      expect(await client.userinfo(tokens)).toMatchObject({ provider: name, id: expect.any(String) })
      expect((await client.refresh(tokens)).tokens.accessToken).not.toBe(tokens.accessToken)
    }
    const nadeo = new OAuthClient(command.preset('nadeo'))
    onTestFinished(() => nadeo.close())
    const { tokens } = await nadeo.clientCredentials({ audience: 'live' })
    expect(tokens.accessToken).toMatch(/^ey/)
  })

  it('starts some of them, on fixed ports', async () => {
    const port = await freePort()
    const command = new Command(['--port', String(port), '--only', 'trackmania'])
    expect(await command.page()).toBe(`http://127.0.0.1:${port}/`)
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text()
    expect([...page.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id)).toEqual(['trackmania'])
    expect((await fetch(`http://127.0.0.1:${port + 8}/api/user`)).status).toBe(401)
    expect(await ended('--port', String(port), '--only', 'spotify')).toEqual([
      1,
      `Port ${port} is taken. Choose another with --port.\n`,
    ])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends at a %s, well', async (signal) => {
    const command = new Command([])
    const page = await command.page()
    command.process.signal(signal)
    expect(await command.process.ended).toBe(0)
    await expect(fetch(page)).rejects.toThrow()
  })

  it('says how it is used, and what is wrong', async () => {
    expect(await ended('--help')).toEqual([0, expect.stringMatching(/^npx @latchkey\/testing \[options\]\n/)])
    expect(await ended('--prot')).toEqual([1, expect.stringMatching(/^Unknown option '--prot'\.\n\nnpx /)])
  })
})
