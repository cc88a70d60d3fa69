import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'

type Program = 'quick-start' | 'fastify'
/** The program listens where its reader would; here any free port must do, and the test must hear which. */
const anyPort = `
  import { Server } from 'node:net'
  const { listen } = Server.prototype
  Server.prototype.listen = function (...args) {
    this.once('listening', () => console.log('listening on ' + this.address().port))
    const [first, ...others] = args
    return listen.call(this, typeof first === 'object' ? { ...first, port: 0 } : 0, ...others)
  }`

let stop = async (): Promise<void> => {}
afterEach(() => stop())

/** Starts the program in a process of its own; resolves with its port, or rejects with what it said at its end. */
async function start(program: Program, environment: Record<string, string>): Promise<number> {
  const file = join(import.meta.dirname, '../../examples', program, 'server.ts')
  const preload = `data:text/javascript,${encodeURIComponent(anyPort)}`
  const { PATH = '' } = process.env
  const flags = ['--conditions=@latchkey/source', `--import=${preload}`]
  const child = spawn(process.execPath, [...flags, file], { env: { PATH, ...environment } })
  stop = async () => {
    const exited = once(child, 'exit')
    if (child.exitCode === null && child.kill()) await exited
  }
  const said = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^listening on (\d+)$/.exec(line) ?? []
    if (port !== undefined) return Number(port)
  }
  throw new Error(await said)
}

/** What the first program of a README does, on either framework. */
export function describeFirstProgram(program: Program): void {
  describe(`the first program of the README: ${program}`, () => {
    it('offers both providers and leads to the one that a page needs', async () => {
      const port = await start(program, {
        SPOTIFY_CLIENT_ID: 'spotify-id',
        SPOTIFY_CLIENT_SECRET: 'spotify-secret',
        EXBO_CLIENT_ID: '30',
        EXBO_CLIENT_SECRET: 'exbo-secret',
      })
      const browser = new UserAgent({ origins: { 'http://127.0.0.1:3000': `http://127.0.0.1:${port}` } })
      const home = await browser.get('http://127.0.0.1:3000/')
      expect(home.text).toContain('Sign in with Spotify')
      expect(home.text).toContain('Sign in with EXBO')
      const guarded = await browser.get('http://127.0.0.1:3000/me', { redirect: 'manual' })
      expect([guarded.status, guarded.location]).toEqual([302, '/login/spotify?returnTo=%2Fme'])
      const login = await browser.get('http://127.0.0.1:3000/login/spotify?returnTo=%2Fme', {
        redirect: 'manual',
      })
      const leads = new URL(login.location ?? '')
      expect(leads.origin + leads.pathname).toBe('https://accounts.spotify.com/authorize')
      expect(leads.searchParams.get('redirect_uri')).toBe('http://127.0.0.1:3000/callback/spotify')
    })

    it('says which option and variable is missing when it cannot start', async () => {
      await expect(start(program, {})).rejects.toThrow(/clientId.*SPOTIFY_CLIENT_ID/)
    })
  })
}
