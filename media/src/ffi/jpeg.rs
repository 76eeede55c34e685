//! libjpeg-turbo's planar compressor.

use std::ffi::{CStr, c_int};

use crate::planes::{Plane, Subsampling};

/// A reusable libjpeg-turbo compressor.
pub struct JpegEncoder {
    handle: turbojpeg_sys::tjhandle,
    /// Large enough for the last picture, however badly it compressed.
    buffer: Vec<u8>,
}

// SAFETY: the handle is a heap object not tied to a thread, and is used through `&mut self` only.
unsafe impl Send for JpegEncoder {}

impl JpegEncoder {
    pub fn new() -> Result<Self, String> {
        // SAFETY: no arguments; null means failure.
        let handle = unsafe { turbojpeg_sys::tjInitCompress() };
        if handle.is_null() {
            return Err("libjpeg-turbo could not start".into());
        }
        let buffer = Vec::new();
        Ok(Self { handle, buffer })
    }

    /// Compresses full-range BT.601 planes as they are.
    pub fn encode(
        &mut self,
        planes: &[Plane],
        subsampling: Subsampling,
        quality: u8,
    ) -> Result<Vec<u8>, String> {
        use turbojpeg_sys as tj;
        let (name, count, dx, dy) = match subsampling {
            Subsampling::S444 => (tj::TJSAMP_TJSAMP_444, 3, 1, 1),
            Subsampling::S422 => (tj::TJSAMP_TJSAMP_422, 3, 2, 1),
            Subsampling::S420 => (tj::TJSAMP_TJSAMP_420, 3, 2, 2),
            Subsampling::S440 => (tj::TJSAMP_TJSAMP_440, 3, 1, 2),
            Subsampling::Gray => (tj::TJSAMP_TJSAMP_GRAY, 1, 1, 1),
        };
        if planes.len() < count || planes[0].width == 0 || planes[0].height == 0 {
            return Err("a plane is missing".into());
        }
        let (width, height) = (planes[0].width, planes[0].height);
        for (i, plane) in planes[..count].iter().enumerate() {
            let (w, h) = match i {
                0 => (width, height),
                _ => (width.div_ceil(dx), height.div_ceil(dy)),
            };
            let size = plane.stride * h;
            if plane.width != w || plane.height != h || plane.stride < w || plane.data.len() < size
            {
                return Err(format!("plane {i} has the wrong size"));
            }
        }
        // The library reads whole chroma samples, so luma needs an even number of columns and rows.
        let padded;
        let planes = if width % dx == 0 && height % dy == 0 {
            planes
        } else {
            let luma = planes[0].padded(width.next_multiple_of(dx), height.next_multiple_of(dy));
            padded = [&[luma][..], &planes[1..count]].concat();
            &padded
        };
        let mut pointers: Vec<_> = planes[..count].iter().map(|p| p.data.as_ptr()).collect();
        let strides: Vec<c_int> = planes[..count].iter().map(|p| p.stride as c_int).collect();
        // SAFETY: every plane was checked to hold height rows of stride bytes; the output buffer has
        // room for the bound that the library itself gives, NOREALLOC keeps it there, and only what
        // was written is made its length.
        unsafe {
            let bound = tj::tjBufSize(width as c_int, height as c_int, name as c_int);
            self.buffer.clear();
            if self.buffer.capacity() < bound as usize {
                // Not more than that, and not beside the old one: pictures may be very large.
                self.buffer = Vec::new();
                self.buffer.reserve_exact(bound as usize);
            }
            let mut buffer = self.buffer.as_mut_ptr();
            let mut size = bound;
            let result = tj::tjCompressFromYUVPlanes(
                self.handle,
                pointers.as_mut_ptr(),
                width as c_int,
                strides.as_ptr(),
                height as c_int,
                name as c_int,
                &mut buffer,
                &mut size,
                c_int::from(quality),
                (tj::TJFLAG_NOREALLOC | tj::TJFLAG_ACCURATEDCT) as c_int,
            );
            if result != 0 {
                let text = CStr::from_ptr(tj::tjGetErrorStr2(self.handle));
                return Err(text.to_string_lossy().into_owned());
            }
            self.buffer.set_len(size as usize);
            Ok(self.buffer.clone())
        }
    }
}

impl Drop for JpegEncoder {
    fn drop(&mut self) {
        // SAFETY: the handle is live and never used again.
        unsafe { turbojpeg_sys::tjDestroy(self.handle) };
    }
}
