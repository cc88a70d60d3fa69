import { describe, expect, it } from 'vitest'
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
