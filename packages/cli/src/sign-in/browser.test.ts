import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { childEnvironment, openableUrl, openInBrowser } from './browser.ts'

describe('case 92: opening the browser', () => {
  it.each([
    [
      'https://accounts.spotify.com/authorize?a=b&c=d%20e',
      'https://accounts.spotify.com/authorize?a=b&c=d%20e',
    ],
    ['http://127.0.0.1:3000/authorize', 'http://127.0.0.1:3000/authorize'],
    ['http://[::1]:3000/authorize', 'http://[::1]:3000/authorize'],
    ['HTTPS://Example.com', 'https://example.com/'],
  ])('opens %s', async (text, opened) => {
    const argv: string[] = []
    expect(await openInBrowser(text, (url) => void argv.push(url))).toBe(true)
    expect(argv).toEqual([opened])
  })

  it.each([
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/html,x',
    'ms-msdt:/id',
    'http://example.com/',
    'http://localhost:3000/',
    'https://x/$(calc)',
    'https://x/`calc`',
    'https://x/" & calc & "',
    "https://x/'",
    'https://x/a\nb',
    'https://x/^calc',
    'https://x/|calc',
    'https://x/a\\b',
    'https://user:password@x/',
    ' https://x/',
    '',
    'no address',
  ])('does not open %j', async (text) => {
    expect(openableUrl(text)).toBeUndefined()
    expect(await openInBrowser(text, () => expect.unreachable())).toBe(false)
  })

  it('says when the browser could not be asked, or should not be', async () => {
    expect(await openInBrowser('https://x/', () => Promise.reject(new Error('no browser')))).toBe(false)
    expect(await openInBrowser('https://x/', false)).toBe(false)
  })

  it('starts nothing from a bundle, where the program that opens browsers is not there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-bundle-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const bundle = join(folder, 'bundle.ts')
    const started = join(folder, 'started')
    const program =
      "if (process.argv.length > 2) (await import('node:fs')).writeFileSync(new URL('started', import.meta.url), '')"
    const call = "console.log(await openInBrowser('https://x.example/', true))"
    const source = readFileSync(new URL('./browser.ts', import.meta.url), 'utf8')
    writeFileSync(bundle, [source, program, `else ${call}`].join('\n'))
    expect(execFileSync(process.execPath, [bundle], { encoding: 'utf8' })).toBe('false\n')
    expect(existsSync(started)).toBe(false)
  })

  it('case 96: gives what it starts no secret of the program', () => {
    const env = {
      PATH: '/bin',
      DISPLAY: ':0',
      SPOTIFY_CLIENT_SECRET: 's',
      LATCHKEY_SECRET: 's',
      NODE_OPTIONS: '-r x',
    }
    expect(childEnvironment(env)).toEqual({ PATH: '/bin', DISPLAY: ':0' })
  })
})
