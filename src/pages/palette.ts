/** The colours of all pages: verdigris on stone; contrast is AA or better in both schemes. */
export const palette = `:root{color-scheme:light dark;
--ground:#e7eae8;--panel:#fdfdfc;--well:#f1f4f2;--ink:#15211e;--soft:#4c5b57;--line:#d5dbd8;--edge:#71807b;
--accent:#0b6157;--press:#084a42;--on-accent:#fff;--tint:#e3f0ec;--iron:#1b332e;--on-iron:#edf4f1;
--warn:#93280f;--warn-tint:#fbeeea;--care:#6e4700;--care-tint:#fbf2df;--focus:#0b6157}
@media(prefers-color-scheme:dark){:root{
--ground:#0b100f;--panel:#141b19;--well:#0e1413;--ink:#e9f0ed;--soft:#a9b7b2;--line:#2b3633;--edge:#71827c;
--accent:#84d6c6;--press:#a8e6d9;--on-accent:#06211c;--tint:#16302a;--iron:#263a35;--on-iron:#e6efec;
--warn:#ffb6a3;--warn-tint:#35190f;--care:#f0cf94;--care-tint:#2c230f;--focus:#84d6c6}}`
