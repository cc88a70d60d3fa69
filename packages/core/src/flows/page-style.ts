/** The style of our pages. One text, so that a hash in the content security policy can allow exactly it. */
export const pageStyle = `:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--text:#16181d;--soft:#5a6070;--line:#d9dce3;--accent:#2b59c3;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#111318;--card:#1b1e25;--text:#eceef3;--soft:#a3a9b8;--line:#343945;--accent:#8fb0ff;--on-accent:#0d1b3e}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--bg);color:var(--text);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:25rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;box-shadow:0 1px 3px rgb(0 0 0/.06),0 12px 32px rgb(0 0 0/.06)}
h1{margin:0 0 .5rem;font-size:1.375rem;line-height:1.25;letter-spacing:-.01em}
p{margin:0 0 1.5rem;color:var(--soft)}
ul{list-style:none;margin:0;padding:0;display:grid;gap:.75rem}
a,button{display:flex;align-items:center;justify-content:center;gap:.625rem;min-height:3rem;padding:.625rem 1rem;border:1px solid var(--line);border-radius:.625rem;color:inherit;font:inherit;font-weight:600;text-decoration:none}
a+a{margin-top:.75rem}
a:hover,button:hover{border-color:var(--accent)}
a:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button{width:100%;cursor:pointer}
.primary{border-color:var(--accent);background:var(--accent);color:var(--on-accent)}
svg{width:1.25rem;height:1.25rem;flex:none}
@media (prefers-reduced-motion:no-preference){a,button{transition:border-color .15s}}`
