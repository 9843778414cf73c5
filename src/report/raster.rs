//! Figures as PNG, for programs that do not accept SVG.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Options, Tree};

use crate::error::{Error, Result};

/// Pixels per inch: what journals require for figures with text.
pub const RESOLUTION: f32 = 300.0;
/// Pixels per inch of SVG units.
const SVG_RESOLUTION: f32 = 96.0;
/// Font families, best first: those whose metrics the figures assume, then common fallbacks.
const FAMILIES: [&str; 6] = [
    "Helvetica",
    "Arial",
    "Liberation Sans",
    "Nimbus Sans",
    "DejaVu Sans",
    "Noto Sans",
];
/// Bytes of a PNG before the first chunk after the header: signature and header.
const HEADER: usize = 8 + 25;

/// Renders SVG with this machine's fonts.
#[derive(Debug)]
pub struct Raster {
    options: Options<'static>,
}

impl Raster {
    /// Loads the system's fonts.
    ///
    /// # Errors
    /// [`Error::Data`] if there are none: text would be missing.
    pub fn new() -> Result<Self> {
        let mut options = Options::default();
        options.fontdb_mut().load_system_fonts();
        Self::with(options)
    }

    fn with(mut options: Options<'static>) -> Result<Self> {
        let family = family(&options.fontdb).ok_or_else(|| {
            Error::Data(
                "this machine has no font for the text of PNG figures; install one (Debian: fonts-dejavu-core), or use the SVG figures"
                    .into(),
            )
        })?;
        options.fontdb_mut().set_sans_serif_family(&family);
        options.font_family = family;
        Ok(Self { options })
    }

    /// Renders an SVG as PNG at [`RESOLUTION`], which is recorded in the file.
    ///
    /// # Errors
    /// [`Error::Data`] if it is not an SVG, or too large.
    pub fn png(&self, svg: &str) -> Result<Vec<u8>> {
        let failed =
            |reason: String| Error::Data(format!("cannot render a figure as PNG: {reason}"));
        let tree = Tree::from_str(svg, &self.options).map_err(|error| failed(error.to_string()))?;
        let scale = RESOLUTION / SVG_RESOLUTION;
        let size = tree.size().to_int_size();
        let size = size
            .scale_by(scale)
            .ok_or_else(|| failed("no size".into()))?;
        let (width, height) = (size.width(), size.height());
        let mut drawn = Pixmap::new(width, height)
            .ok_or_else(|| failed(format!("{width} × {height} pixels are too many")))?;
        let mut drawn_on = drawn.as_mut();
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut drawn_on);
        let png = drawn
            .encode_png()
            .map_err(|error| failed(error.to_string()))?;
        Ok(with_resolution(&png))
    }
}

/// The font family for text: the first of [`FAMILIES`] that is installed, or else any.
fn family(fonts: &Database) -> Option<String> {
    let there = |name: &&str| {
        let families = [Family::Name(name)];
        let query = Query {
            families: &families,
            ..Query::default()
        };
        fonts.query(&query).is_some()
    };
    let known = FAMILIES.iter().find(|name| there(name));
    let any = || fonts.faces().find_map(|face| face.families.first());
    known
        .map(|name| (*name).to_owned())
        .or_else(|| any().map(|(name, _)| name.clone()))
}

/// Adds the chunk with the resolution, so that programs place the PNG at its true size.
fn with_resolution(png: &[u8]) -> Vec<u8> {
    let per_metre = (f64::from(RESOLUTION) / 0.0254).round() as u32;
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    chunk.push(1); // The unit is the metre.
    let mut whole = png[..HEADER].to_vec();
    whole.extend(9u32.to_be_bytes());
    whole.extend(&chunk);
    whole.extend(crc32fast::hash(&chunk).to_be_bytes());
    whole.extend(&png[HEADER..]);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Color;

    const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36"><rect width="72" height="36" fill="#ffffff"/><rect width="36" height="36" fill="#0072b2"/></svg>"##;

    fn raster() -> Raster {
        Raster {
            options: Options::default(),
        }
    }

    #[test]
    fn an_inch_has_its_pixels_and_the_file_says_so() {
        let png = raster().png(SVG).unwrap();
        let drawn = Pixmap::decode_png(&png).unwrap();
        assert_eq!((drawn.width(), drawn.height()), (300, 150));
        let colour = |x, y| drawn.pixel(x, y).unwrap().demultiply();
        assert_eq!(
            Color::from_rgba8(0, 0x72, 0xb2, 255).to_color_u8(),
            colour(10, 75)
        );
        assert_eq!(Color::WHITE.to_color_u8(), colour(290, 75));
        let at = png.windows(4).position(|bytes| bytes == b"pHYs").unwrap();
        assert_eq!(png[at + 4..at + 8], 11811u32.to_be_bytes());
    }

    #[test]
    fn what_is_no_drawing_and_a_machine_without_fonts_are_refused() {
        let error = raster().png("<svg").unwrap_err().to_string();
        assert!(
            error.starts_with("cannot render a figure as PNG: "),
            "{error}"
        );
        let error = Raster::with(Options::default()).unwrap_err().to_string();
        assert!(error.contains("no font"), "{error}");
    }
}
