import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type AuthorizationServer, startAuthorizationServer, UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { firstCodeBlock } from '../repo/code-block.ts'
import { read } from '../repo/source-files.ts'

const folder = join(import.meta.dirname, '../../examples/oauth-client')
/** The program listens where its reader would; here any free port must do, and the test must hear which. */
const anyPort = `
  import { Server } from 'node:net'
  const { listen } = Server.prototype
  Server.prototype.listen = function (_port, host) {
    return listen.call(this, 0, host, () => console.log('listening on ' + this.address().port))
  }`

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill()
})

/** A program in a process of its own, and what it says. */
class Program {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #ended: Promise<unknown>

  constructor(file: string, as: AuthorizationServer) {
    const preload = `data:text/javascript,${encodeURIComponent(anyPort)}`
    const flags = ['--conditions=@latchkey/source', `--import=${preload}`]
    const { PATH = '' } = process.env
    const env = { PATH, CORP_ISSUER: as.issuer, CORP_CLIENT_ID: 'app', CORP_CLIENT_SECRET: 'secret-of-app' }
    this.#child = spawn(process.execPath, [...flags, join(folder, file)], { env })
    children.push(this.#child)
    this.#ended = once(this.#child, 'exit')
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.#lines.push(line))
    }
  }

  get said(): string {
    return this.#lines.join('\n')
  }

  /** What the first group of `pattern` matches in what the program says, once it says it. */
  async says(pattern: RegExp): Promise<string> {
    await expect.poll(() => this.said).toMatch(pattern)
    return pattern.exec(this.said)?.[1] ?? ''
  }

  /** The exit code, once it ends by itself. */
  async ended(): Promise<number | null> {
    await this.#ended
    return this.#child.exitCode
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }
}

async function startServer(): Promise<AuthorizationServer> {
  const clients = [
    {
      clientId: 'app',
      clientSecret: 'secret-of-app',
      redirectUris: ['http://127.0.0.1:8976/callback'],
    },
  ]
  const as = await startAuthorizationServer({ clients, oidc: true, policy: { deviceIntervalSeconds: 1 } })
  onTestFinished(() => as.close())
  return as
}

describe('the programs with a client on their own', () => {
  it('signs in with a browser, shrugs off strangers, and ends by itself', async () => {
    const as = await startServer()
    const program = new Program('browser.ts', as)
    const url = await program.says(/^Open (\S+)/)
    const port = await program.says(/listening on (\d+)/)
    const browser = new UserAgent({ origins: { 'http://127.0.0.1:8976': `http://127.0.0.1:${port}` } })
    for (const stray of ['/favicon.ico', '/callback?code=stolen&state=guessed']) {
      expect((await browser.get(`http://127.0.0.1:8976${stray}`)).status).toBe(400)
    }
    expect(as.calls.token).toBe(0)
    const page = await browser.signIn(url, { as: 'Ada' })
    expect(page.text).toBe('Signed in. You can close this window.')
    expect(await program.ended()).toBe(0)
    expect(program.said).toContain('Hello Ada. Your token is fresh.')
    expect(as.marks.findIn(program.said)).toEqual([])
  })

  it('signs in on a device, and ends by itself', async () => {
    const as = await startServer()
    const program = new Program('device.ts', as)
    as.approveDevice(await program.says(/enter (\S+)/), 'user-grace')
    expect(await program.ended()).toBe(0)
    expect(program.said).toContain('Hello Grace.')
    expect(as.marks.findIn(program.said)).toEqual([])
  })

  it('says on a device that the user said no', async () => {
    const as = await startServer()
    const program = new Program('device.ts', as)
    as.denyDevice(await program.says(/enter (\S+)/))
    expect(await program.ended()).toBe(1)
    expect(program.said).toContain('Then not.')
  })

  it('is interrupted at once on a device, and holds nothing back', async () => {
    const as = await startServer()
    const program = new Program('device.ts', as)
    await program.says(/(yourself)/)
    program.interrupt()
    expect(await program.ended()).toBe(1)
    expect(program.said).toContain('AbortError')
    expect(as.marks.findIn(program.said)).toEqual([])
  })

  it.each(['browser.ts', 'device.ts'])('shows %s in the README, letter by letter', (file) => {
    expect(firstCodeBlock('packages/core/README.md')).not.toBe('')
    expect(read('packages/core/README.md')).toContain(read(`examples/oauth-client/${file}`))
  })
})
